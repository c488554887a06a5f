import bottle

LOG = []
inner = bottle.Bottle()
application = bottle.Bottle()


@inner.get("/inner")
def mounted():
    return bottle.request.script_name + bottle.request.path


application.mount("/mounted/", inner)


@application.hook("after_request")
def stamp():
    bottle.response.set_header("x-stamp", bottle.request.method)


@application.get("/template")
def template():
    return bottle.template("<p>{{name}}</p>", name=bottle.request.query.get("name", "<b>"))


@application.post("/form")
def form():
    files = {key: upload.file.read().decode() for key, upload in bottle.request.files.items()}
    return {**dict(bottle.request.forms), **files}


@application.get("/error")
def error():
    bottle.abort(409, "a conflict")


@application.get("/big")
def big():
    return "plain " * 2000


@application.get("/state")
def state():
    seen = int(bottle.request.get_cookie("seen", 0)) + 1
    bottle.response.set_cookie("seen", str(seen))
    return {"seen": seen}


@application.get("/headers")
def headers():
    return {key: value for key, value in bottle.request.headers.items() if key.startswith("X-")}
