// Answers with what it was asked; PORT is set by the adapter.
const http = require("node:http");

const server = http.createServer((request, response) => {
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ method: request.method, path: request.url, node: process.versions.node }));
});
server.listen(Number(process.env.PORT || 8080), "127.0.0.1");
