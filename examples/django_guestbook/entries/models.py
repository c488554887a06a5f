"""What visitors write."""

from django.db import models


class Entry(models.Model):
    """One line in the book."""

    name = models.CharField(max_length=80)
    written = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name
