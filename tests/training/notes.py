"""A run's reporter that keeps what it is told."""


class Notes(list):
    """The lines that a run says."""

    def update(self, metrics):
        """Takes no numbers."""

    def note(self, text):
        self.append(text)
