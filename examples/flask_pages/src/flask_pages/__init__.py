"""A few pages from templates."""

from flask import Flask, render_template


def create_app() -> Flask:
    """Make the application, as Flask's own tutorial does."""
    app = Flask(__name__)

    @app.get("/")
    def index() -> str:
        return render_template("page.html", title="Pages", names=["about", "contact"])

    @app.get("/<name>")
    def page(name: str) -> str:
        return render_template("page.html", title=name.title(), names=[])

    return app
