from quart import Quart, abort, jsonify, render_template_string, request, websocket

LOG = []
app = Quart(__name__)


@app.before_serving
async def start():
    app.value = "from the start-up"


@app.while_serving
async def serving():
    LOG.append("serving")
    yield


@app.after_request
async def stamp(response):
    response.headers["x-stamp"] = request.method
    return response


@app.get("/state")
async def state():
    return {"value": app.value, "log": LOG[:1]}


@app.get("/background")
async def background():
    app.add_background_task(LOG.append, "done")
    return "accepted"


@app.get("/log")
async def log():
    return jsonify(LOG)


@app.post("/form")
async def form():
    return dict(await request.form)


@app.get("/template")
async def template():
    return await render_template_string("<p>{{ name }}</p>", name=request.args.get("name", "<b>"))


@app.get("/error")
async def error():
    abort(409, "a conflict")


@app.get("/sync")
def sync():
    return "in a thread"


@app.websocket("/socket")
async def socket():
    await websocket.send("never")
