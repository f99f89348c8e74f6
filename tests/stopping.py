"""Stopping a training at a given step."""


class StopAt:
    """``fit(…, **StopAt(4).arguments)`` stops after step 4."""

    def __init__(self, step):
        self.last, self.step = step, 0

    def see(self, event):
        self.step = max(self.step, event.step)

    @property
    def arguments(self):
        return {"on_event": self.see, "should_stop": lambda: self.step >= self.last}
