"""One project, served as ASGI (``app``) and as WSGI (``wsgi_app``)."""

from pathlib import Path

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="for tests", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], DEBUG=False, USE_TZ=True, MIDDLEWARE=[
        "django.middleware.gzip.GZipMiddleware", "django.middleware.common.CommonMiddleware",
    ],
)  # fmt: skip
django.setup()

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


def hello(request):
    return HttpResponse(f"hello {request.GET.get('name', 'world')}", content_type="text/plain")


@csrf_exempt
def echo(request):
    return HttpResponse(request.body, content_type="application/octet-stream")


@csrf_exempt
def form(request):
    return JsonResponse(request.POST.dict())


async def item(request, name):
    return HttpResponse(name, content_type="text/plain; charset=utf-8")


def url(request):
    return JsonResponse([request.build_absolute_uri(), request.get_full_path(), dict(request.GET)])


def stream(request):
    return StreamingHttpResponse((f"{number}," * 100 for number in range(200)), content_type="text/plain")


def file(request):
    return FileResponse(open(Path(__file__).with_name("data.bin"), "rb"))


def cookies(request):
    response = HttpResponse()
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


def boom(request):
    raise RuntimeError("a secret")


urlpatterns = [
    path("hello", hello),
    path("echo", echo),
    path("form", form),
    path("items/<path:name>", item),
    path("url", url),
    path("stream", stream),
    path("file", file),
    path("redirect", lambda request: HttpResponseRedirect("/hello")),
    path("cookies", cookies),
    path("boom", boom),
    path("empty", lambda request: HttpResponse(status=204)),
    path("big", lambda request: HttpResponse("plain " * 2000)),
]
app = get_asgi_application()
wsgi_app = get_wsgi_application()
