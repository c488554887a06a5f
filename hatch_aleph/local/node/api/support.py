"""What the handlers share: the node behind a request, JSON answers, refusals in the network's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web
from aleph_message.models import ItemHash
from pydantic import BaseModel, ValidationError

from hatch_aleph.network.fields import parse_json

if TYPE_CHECKING:
    from hatch_aleph.local.node.embedded_node import Node

NODE: web.AppKey[Any] = web.AppKey("node", object)
Model = TypeVar("Model", bound=BaseModel)


def node_of(request: web.Request) -> Node:
    """Find the node an application serves."""
    node: Node = request.config_dict[NODE]
    return node


def answer(value: Any, status: int = 200) -> web.Response:
    """Answer JSON."""
    return web.json_response(value, status=status)


def query_of(request: web.Request, model: type[Model]) -> Model:
    """Read a request's query.

    Raises:
        web.HTTPUnprocessableEntity: It says what the model refuses.
    """
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        try:
            text = error.json()
        except ValueError:  # what was sent is no text
            text = error.json(include_input=False)
        raise unprocessable(text) from error


async def body_of(request: web.Request) -> dict[str, Any]:
    """Read a request's JSON object.

    Raises:
        web.HTTPUnprocessableEntity: It is no JSON object.
    """
    try:
        value = parse_json(await request.read())
    except ValueError as error:
        raise unprocessable(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise unprocessable("a JSON object is expected")
    return value


def item_hash_of(request: web.Request, key: str = "item_hash", says: str = "Invalid message hash: {}") -> str:
    """Read an item hash from the path.

    Raises:
        web.HTTPBadRequest: It is none.
    """
    text = request.match_info[key]
    try:
        return str(ItemHash(text))
    except ValueError as error:
        raise web.HTTPBadRequest(text=says.format(text)) from error


def unprocessable(text: str) -> web.HTTPUnprocessableEntity:
    """Refuse what is well-formed HTTP and yet no sense; lone surrogates of a request are not sent back."""
    return web.HTTPUnprocessableEntity(text=text.encode("utf-8", "replace").decode())


def too_large(limit: int, size: int) -> web.HTTPRequestEntityTooLarge:
    """Refuse an upload by its size."""
    return web.HTTPRequestEntityTooLarge(
        max_size=limit, actual_size=size, text=f"Maximum request body size {limit} exceeded."
    )
