"""What a page of ours may do: nothing but what is in it, whatever a file says that it shows."""

from __future__ import annotations

import base64
import hashlib


def content_policy(*, style: str, script: str = "") -> str:
    """The Content-Security-Policy of a page whose only style and script are these, by their hashes.

    Pictures are the page's own (data:). Nothing is loaded, sent or framed, no script is in an attribute, and browsers
    that know trusted types refuse to make markup of text at all.
    """
    scripts = _source(script) if script else "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_source(style)}; img-src data:; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
