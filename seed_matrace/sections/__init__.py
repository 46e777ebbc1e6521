"""Sections of options: what gin files may set, by section and name, each with its default, range and line of
documentation. The defaults are the published settings of MA-Trace wherever the paper or its code states one.
"""
