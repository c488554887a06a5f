"""A project with a database, sessions, templates and CSRF, served as ASGI and as WSGI."""

import tempfile

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="for tests",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": tempfile.mktemp()}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import Group
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.template import engines
from django.urls import path

call_command("migrate", verbosity=0)
Group.objects.create(name="from the database")


async def state(request):
    return JsonResponse([group.name async for group in Group.objects.all()], safe=False)


def sync_state(request):
    return JsonResponse([group.name for group in Group.objects.all()], safe=False)


def template(request):
    text = engines["django"].from_string("<p>{{ name }}</p>").render({"name": request.GET.get("name", "<b>")})
    return HttpResponse(text)


def form(request):
    return HttpResponse("never: there is no token")


def headers(request):
    return JsonResponse({key: value for key, value in request.headers.items() if key.startswith("X-")})


urlpatterns = [
    path("state", state),
    path("sync_state", sync_state),
    path("template", template),
    path("form", form),
    path("headers", headers),
]
app = get_asgi_application()
wsgi_app = get_wsgi_application()
