"""The page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from entries.models import Entry


@csrf_exempt  # anybody may write, so there is nothing to forge
def entries(request: HttpRequest) -> HttpResponse:
    """Show the book; with a name in the form, write it down first."""
    if request.method == "POST" and request.POST.get("name"):
        Entry.objects.create(name=request.POST["name"][:80])
    return render(request, "entries/book.html", {"entries": Entry.objects.order_by("-id")[:50]})
