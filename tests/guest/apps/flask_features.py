import gzip

from flask import Blueprint, Flask, abort, jsonify, render_template_string, request, session, stream_with_context

LOG = []
api = Blueprint("api", __name__, url_prefix="/mounted")


@api.get("/inner")
def inner():
    return "inner"


def create_app():
    """Make the app; the entry point names this function."""
    app = Flask(__name__)
    app.secret_key = "for tests"
    app.register_blueprint(api)

    @app.after_request
    def stamp(response):
        response.headers["x-stamp"] = request.method
        return response

    @app.get("/big")
    def big():
        if "gzip" in request.headers.get("accept-encoding", ""):
            return gzip.compress(b"plain " * 2000), {"content-encoding": "gzip", "vary": "accept-encoding"}
        return "plain " * 2000

    @app.get("/background")
    def background():
        response = jsonify("accepted")
        response.call_on_close(lambda: LOG.append("done"))
        return response

    @app.get("/log")
    def log():
        return jsonify(LOG)

    @app.post("/form")
    def form():
        files = {key: file.read().decode() for key, file in request.files.items()}
        return {**request.form, **files}

    @app.get("/state")
    def state():
        session["seen"] = session.get("seen", 0) + 1
        session.modified = False  # the cookie would hold the time
        return {"seen": session["seen"]}

    @app.get("/template")
    def template():
        return render_template_string("<p>{{ name }}</p>", name=request.args.get("name", "<b>"))

    @app.get("/context")
    def context():
        @stream_with_context
        def parts():
            for _ in range(3):
                yield request.path

        return parts()

    @app.get("/async")
    def error():
        abort(409, "a conflict")

    @app.get("/error")
    def conflict():
        abort(409, "a conflict")

    return app
