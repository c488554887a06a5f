"""What a project says itself of how it is started is heard: Procfile, Dockerfile, its scripts, a package's __main__."""

import pytest

from hatch_aleph.scaffold.applications import clear_choice, find_applications

FLASK = "from flask import Flask\n%s = Flask(__name__)\n"
SERVING = "import socket\ndef main():\n    socket.create_server(('', %s)).accept()\n"
CASES = {
    "a Procfile, of two applications": (
        {"Procfile": "release: x\nweb: gunicorn two:app -w 2\n", "one.py": FLASK % "app", "two.py": FLASK % "app"},
        ("two:app", False, None),
    ),
    "a Procfile, an application that is not recognised": (
        {
            "Procfile": "web: gunicorn 'site_app:make(1)' || gunicorn site_app:app --log-file -",
            "site_app.py": "app = load()",
        },
        ("site_app:app", False, None),
    ),
    "a factory": (
        {"Procfile": "web: uvicorn --factory api:make_it --port $PORT", "api.py": "def make_it(): ..."},
        ("api:make_it()", False, None),
    ),
    "a Procfile of a process": (
        {"Procfile": "web: python -m http.server $PORT", "index.html": "hi"},
        ("python3 -m http.server $PORT", True, None),
    ),
    "a Procfile with a default": (
        {"Procfile": "web: python -m http.server ${PORT:-9000}"},
        ("python3 -m http.server ${PORT:-9000}", True, None),
    ),
    "a Procfile with a variable of its own host": (
        {"Procfile": "web: python3 -m http.server $HTTP_PORT"},
        ("python3 -m http.server $HTTP_PORT", True, "a port that is not seen there"),
    ),
    "a Procfile with another variable, and a script that says its port": (
        {"Procfile": "web: python serve.py $REPORT_DIR", "serve.py": SERVING % "9000" + "main()"},
        ("python3 serve.py", True, "listens on port 9000"),
    ),
    "a process that is not told": (
        {"Procfile": "web: A=1 python3 -m http.server 9000"},
        ("python3 -m http.server 9000", True, "Procfile:1 listens on a port that is not seen there"),
    ),
    "a script with what it needs": (
        {"Procfile": "web: python serve.py --bind :$PORT --all", "serve.py": SERVING % "1" + "main()"},
        ("python3 serve.py --bind :$PORT --all", True, None),
    ),
    "a script whose port is known better": (
        {"Procfile": "web: python serve.py", "serve.py": "import os\n" + SERVING % "os.environ['PORT']" + "main()"},
        ("python3 serve.py", True, None),
    ),
    "a script of the root": (
        {"Procfile": "web: ./run.sh $PORT", "run.sh": "#!/bin/sh\n"},
        ("./run.sh $PORT", True, None),
    ),
    "an application before its process": (
        {"Procfile": "web: python main.py", "main.py": FLASK % "app"},
        ("main:app", False, None),
    ),
    "a Dockerfile": (
        {
            "Dockerfile": 'FROM x\nCMD ["sh"]\nFROM y\nCMD [ "uvicorn", \\\n  "app.web:it" ]\n',
            "app/web.py": "it = make()",
        },
        ("app.web:it", False, None),
    ),
    "a Dockerfile, of two parts": (
        {"Dockerfile": 'ENTRYPOINT ["python"]\nCMD ["serve.py", "--port=$PORT"]', "serve.py": ""},
        ("python3 serve.py --port=$PORT", True, None),
    ),
    "a Dockerfile, by a shell": (
        {"Dockerfile": "CMD cd /srv && exec gunicorn -b :$PORT wsgi", "main.py": FLASK % "app"},
        ("main:app", False, None),
    ),
    "a package that is run": (
        {
            "pkg/__init__.py": SERVING % "8080",
            "pkg/__main__.py": "import pkg\nif __name__ == '__main__':\n    pkg.main()",
        },
        ("python3 -m pkg", True, None),
    ),
    "a package that is run by a part": (
        {
            "pkg/__init__.py": "",
            "pkg/core/__init__.py": "",
            "pkg/core/net.py": SERVING % "9",
            "pkg/__main__.py": "from .core.net import main\nmain()",
        },
        ("python3 -m pkg", True, "pkg/core/net.py:3 listens on port 9"),
    ),
    "a script that starts a package, with options of a third module": (
        {
            "Dockerfile": 'CMD ["python", "run.py"]',
            "run.py": "from web.main import main\nif __name__ == '__main__':\n    main()",
            "web/__init__.py": "",
            "web/settings.py": "from tornado.options import define\ndefine('port', default=8888)",
            "web/main.py": "import tornado.web\nfrom tornado.options import options\nfrom web.settings import x\n"
            "def start(app, port):\n    app.listen(port)\n"
            "def main():\n    start(tornado.web.Application(), options.port)",
        },
        ("python3 run.py --port=$PORT", True, None),
    ),
    "an application without a framework, of ASGI": (
        {"main.py": "async def app(scope, receive, send): ...\nif __name__ == '__main__':\n    pass"},
        ("main:app", False, None),
    ),
    "an application without a framework, of WSGI": (
        {"pkg/__init__.py": "def application(environ, start_response): ...\ndef _other(environ, start_response): ..."},
        ("pkg:application", False, None),
    ),
    "a script that is installed": (
        {
            "pyproject.toml": '[project]\nname = "x"\nversion = "1"\n[project.scripts]\nserve-it = "pkg.cli:main"\n',
            "pkg/__init__.py": "",
            "pkg/cli.py": "import argparse\np = argparse.ArgumentParser()\np.add_argument('--port', default=5000)\n"
            + SERVING % "p.parse_args().port",
        },
        ("serve-it --port=$PORT", True, None),
    ),
}
NOT = {
    "what no runtime has": {"Procfile": "web: npm start", "Dockerfile": 'CMD ["nginx", "-g", "daemon off;"]'},
    "an application of elsewhere": {"Procfile": "web: gunicorn --chdir src pkg.wsgi:app"},
    "another process": {"Procfile": "worker: python main.py", "main.py": ""},
    "a file that is not here": {"Dockerfile": 'CMD ["python", "/app/main.py"]'},
    "what is no command": {"Procfile": "web: python 'main.py", "Dockerfile": "CMD {}\nENTRYPOINT [1]"},
}


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("case", CASES)
def test_the_project_s_own_word_is_heard(case, tmp_path):
    files, (entrypoint, executable, note) = CASES[case]
    write(tmp_path, files)
    choice = clear_choice(find_applications(tmp_path))
    assert (choice.entrypoint, choice.executable) == (entrypoint, executable)
    assert (choice.note is None) == (note is None)
    assert note is None or note in choice.note


@pytest.mark.parametrize("case", NOT)
def test_what_a_program_cannot_start_is_passed_over(case, tmp_path):
    write(tmp_path, NOT[case])
    assert not find_applications(tmp_path)
