"use strict";
const find = id => document.getElementById(id);
const withHost = () => document.body.dataset.host !== undefined;

// ---- elements: text of others only ever becomes text

function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties))
    if (name in made) made[name] = value; else made.setAttribute(name, value);
  made.append(...children);
  return made;
}
function hash(text) { return make("code", {title: text}, text.slice(0, 12) + "…"); }
function row(...cells) { return make("tr", {}, ...cells); }
function cell(content, label, css = "") {
  const made = make("td", {className: css}, content ?? "");
  if (label) made.dataset.label = label;
  return made;
}
function say(made, text, css) {  // only what changes is touched: the focus stays, and screen readers stay quiet
  if (made.textContent !== text) made.textContent = text;
  if (css !== undefined && made.className !== css) made.className = css;
}
function clock(seconds) { return new Date(seconds * 1000).toTimeString().slice(0, 8); }
function size(bytes) {
  return bytes < 1024 ? bytes + " B" : bytes < 2 ** 20 ? (bytes / 1024).toFixed(1) + " KiB" : (bytes / 2 ** 20).toFixed(1) + " MiB";
}
function table(columns, rows, none) {
  if (!rows.length) return make("p", {className: "dim"}, none);
  const head = columns.map(text => make("th", {className: text.startsWith("#") ? "n" : ""}, text.replace("#", "")));
  return make("table", {}, make("thead", {}, row(...head)), make("tbody", {}, ...rows));
}
// Rows by key: what is there stays, so that whoever works by keyboard stays where they were.
function keep(body, items, key, fill) {
  const old = new Map(Array.from(body.rows, each => [each.dataset.key, each]));
  items.forEach((item, place) => {
    const name = key(item), line = old.get(name) || make("tr");
    old.delete(name);
    line.dataset.key = name;
    fill(line, item);
    if (body.rows[place] !== line) body.insertBefore(line, body.rows[place] || null);
  });
  for (const line of old.values()) line.remove();
}

// ---- the node

// Comes with the address that the node prints, and stays with this tab: programs can reach the page, not its address.
if (location.hash.length > 1) {
  sessionStorage.setItem("token", location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}
const token = sessionStorage.getItem("token") || "";
async function ask(path) {
  const answer = await fetch(path, {headers: {"X-Page-Token": token}});
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}
function reason(error) {
  try { return JSON.parse(error.message).error || error.message; } catch { return String(error.message); }
}
function base32(hex) {
  let bits = "";
  for (const digit of hex) bits += parseInt(digit, 16).toString(2).padStart(4, "0");
  return bits.padEnd(Math.ceil(bits.length / 5) * 5, "0").match(/.{5}/g)
    .map(five => "abcdefghijklmnopqrstuvwxyz234567"[parseInt(five, 2)]).join("");
}

// ---- programs, a row each

const owners = new Set(), prices = new Map();
let programs = [], stores = [], chosen = null;
const note = store => (store.content.metadata || {})["hatch-aleph"] || {};
const nameOf = message => (message.content.metadata && message.content.metadata.name) || "(no name)";
// The contents that a volume has had, the newest first.
const contents = ref => stores.filter(each => each.item_hash === ref || each.content.ref === ref).sort((a, b) => b.time - a.time);

async function showPrograms() {
  const list = status => ask(`/api/v0/messages.json?msgTypes=PROGRAM&pagination=200&msgStatuses=${status}`);
  const [live, unpaid, files] = await Promise.all([list("processed"), list("removing"),
    ask("/api/v0/messages.json?msgTypes=STORE&pagination=500")]);
  stores = files.messages;
  programs = [...unpaid.messages.map(each => ({...each, unpaid: true})), ...live.messages];
  keep(find("programs"), programs, each => each.item_hash, (line, message) => {
    const item = message.item_hash;
    if (!line.cells.length) {
      const name = make("button", {className: "name", onclick: () => choose(item)});
      const host = `http://${base32(item)}.localhost:${location.port}/`;
      const first = cell(name);
      first.append(make("br"), hash(item));
      line.append(first, cell("", "state", "wide"), cell("", "version"), cell("", "last start", "whole"), cell("", "requests", "n"),
        cell("", "cost a day", "n"), cell(make("a", {href: host, title: host}, "open"), "", "whole"));
      line.title = item;
    }
    say(line.querySelector("button"), nameOf(message));
    const newest = contents(message.content.code.ref)[0];
    say(line.cells[2], String((newest && note(newest).version) ?? "–"));
    line.setAttribute("aria-current", item === chosen);
    line.dataset.unpaid = message.unpaid || "";
    showCost(item, line.cells[5]);
  });
  showEmpty();
  await showStates();
}
async function showCost(item, made) {
  if (!prices.has(item)) prices.set(item, ask(`/api/v0/price/${item}`).catch(() => null));
  const price = await prices.get(item);
  const dollars = price && Number(price.cost) * 86400 / 1e6;
  say(made, !price ? "–" : price.payment_type === "credit" ? "$" + (dollars < 1 ? dollars.toPrecision(2) : dollars.toFixed(2)) : `${Number(price.required_tokens).toPrecision(4)} ALEPH`);
}
// As the host has observed it, not as the message says.
async function showStates() {
  let known = {}, refused = "";
  if (withHost()) try { known = await ask("/local/programs.json"); } catch (error) { refused = "unknown: open the address that the node printed"; }
  for (const line of find("programs").rows) {
    if (!line.dataset.key) continue;
    const seen = known[line.dataset.key] || {state: "asleep", requests: 0}, [, state, , start, requests] = line.cells;
    const cause = seen.cause ? `: ${seen.cause}` : "", took = seen.start_seconds ? ` in ${seen.start_seconds.toFixed(2)} s` : "";
    if (line.dataset.unpaid) say(state, "not paid any more", "wide removing");
    else if (!withHost() || refused) say(state, refused || "no host here", "wide dim");
    else say(state, seen.state === "asleep" ? "asleep: a request starts it" : seen.state + cause,
      "wide " + ({"not starting": "failing"}[seen.state] || seen.state));
    say(start, seen.started ? clock(seen.started) + took : "–");
    say(requests, seen.failed ? `${seen.requests}, ${seen.failed} failed` : String(seen.requests), seen.failed ? "n failing" : "n");
  }
}
function showEmpty() {
  const place = find("empty");
  place.hidden = programs.length > 0;
  if (place.hidden || place.childElementCount) return;
  const copy = text => make("div", {className: "copy"}, make("code", {}, text),
    make("button", {ariaLabel: `copy ${text}`, onclick: event => navigator.clipboard.writeText(text)
      .then(() => event.target.textContent = "copied", () => event.target.textContent = "select it by hand")}, "copy"));
  place.append(make("p", {}, "No program yet. In a project's folder:"),
    ...["init", "account create", `faucet --node ${location.origin}`, `deploy --node ${location.origin}`].map(each => copy("hatch-aleph " + each)));
}

// ---- the panel of one program

const TABS = {requests: showRequests, log: showLog, releases: showReleases, files: showFiles, message: showProgram};
let tab = "requests", logged = 0;

function choose(item, name = tab) {
  const same = item === chosen && name === tab && !find("panel").hidden;
  chosen = item;
  find("panel").hidden = false;
  for (const line of find("programs").rows) line.setAttribute("aria-current", line.dataset.key === item);
  say(find("panel-title"), nameOf(programs.find(each => each.item_hash === item)));
  if (!same) select(name).then(() => find("panel").scrollIntoView({block: "nearest"}));
}
function select(name) {
  tab = name;
  for (const each of document.querySelectorAll("[role=tab]")) {
    each.setAttribute("aria-selected", each.dataset.tab === name);
    each.tabIndex = each.dataset.tab === name ? 0 : -1;
  }
  find("view").replaceChildren();
  logged = 0;
  shownAs = "";
  return refreshPanel();
}
let shownAs = "";
function showOnce(state, content) {  // drawn again only when it is another
  if (state === shownAs) return;
  shownAs = state;
  find("view").replaceChildren(...content());
}
async function refreshPanel() {
  if (!chosen || find("panel").hidden) return;
  try { await TABS[tab](programs.find(each => each.item_hash === chosen)); }
  catch (error) { showOnce("error " + reason(error), () => [make("p", {className: "dim"}, reason(error))]); }
}
async function showRequests() {
  if (!withHost()) throw new Error("No host runs here.");
  const asked = await ask(`/local/requests/${chosen}.json`);
  // Of a start that failed no time is counted.
  const failing = asked.length && asked[0].status === 500 && !asked[0].seconds;
  showOnce("requests" + asked.length + (asked[0] || {}).at, () => [
    ...(failing ? [make("p", {className: "failing"}, "It does not start. The whole log is under Log. Mend it and deploy it again.")] : []), make("div", {className: "scroll", tabIndex: 0, ariaLabel: "Requests"},
    table(["Time", "#Status", "#Duration", "Request"], asked.map(each => row(cell(clock(each.at), "", "whole"),
      cell(String(each.status), "status", each.status >= 500 ? "n failing" : "n"), cell(each.seconds ? `${(each.seconds * 1000).toFixed(1)} ms` : "–", "duration", "n"),
      cell(make("div", {className: "mono"}, `${each.method} ${each.target}`, ...(each.exception ? [make("div", {className: "failing"}, each.exception)] : []))))),
      "Nothing has been asked yet."))]);
}
async function showLog() {
  if (!withHost()) throw new Error("No host runs here.");
  if (!find("logs-text")) {
    const follow = make("input", {type: "checkbox", id: "follow", checked: true});
    find("view").replaceChildren(make("label", {className: "follow"}, follow, "follow"), make("pre", {id: "logs-text", tabIndex: 0, ariaLabel: "Log"}));
  }
  const pane = find("logs-text");
  let lines = [];
  try { lines = await ask(`/local/logs/${chosen}.json?after=${logged}`); }
  catch (error) {
    const text = reason(error);
    return say(pane, text.includes("hatch-aleph node") ? text : "No log yet: the program starts with its first request.");
  }
  if (!lines.length || pane !== find("logs-text")) return;
  if (!logged) pane.textContent = "";
  logged = lines[lines.length - 1].at;
  pane.append(lines.map(each => `${clock(each.at)}  ${each.text}\n`).join(""));
  if (find("follow").checked) pane.scrollTop = pane.scrollHeight;
}
async function showReleases(program) {
  const found = contents(program.content.code.ref);
  showOnce("releases" + found.length, () => [table(["#Release", "Since", "Version", "What", "Code", "#Size"], found.map((each, place) =>
    row(cell(String(note(each).release ?? "–"), "release", "n"), cell(new Date(each.time * 1000).toLocaleString(), "", "whole"), cell(String(note(each).version ?? "–"), "version"),
      cell(place ? note(each).kind || "deploy" : (note(each).kind || "deploy") + ", live", "what", place ? "" : "answering"),
      cell(hash(each.content.item_hash), "code"), cell(note(each).size ? size(note(each).size) : "–", "size", "n"))), "Its code is not a volume of this node.")]);
}
async function showFiles(program) {
  const parts = [["code", program.content.code.ref], ...program.content.volumes.filter(each => each.ref).map(each => [each.mount || "volume", each.ref])];
  const files = parts.map(([, ref]) => (contents(ref)[0] || {content: {}}).content.item_hash);
  showOnce("files" + files, () => parts.map(([label], place) => {
    const made = make("details", {}, make("summary", {}, label));
    made.addEventListener("toggle", () => made.open && made.childElementCount === 1 && showTree(made, files[place]));
    return made;
  }));
}
async function showProgram(program) {
  showOnce("message" + program.item_hash, () => [make("pre", {tabIndex: 0, ariaLabel: "Message"}, JSON.stringify({item_hash: program.item_hash, ...program.content}, null, 2))]);
}

// ---- files of an image, by folder: a folder's files are made when it is opened

async function showTree(place, file) {
  const tree = make("div"), filter = make("input", {type: "search", placeholder: "filter", ariaLabel: "Filter files"});
  place.append(filter, tree);
  let listed;
  try { listed = await ask(`/local/volumes/${file}.json`); }
  catch (error) { return tree.append(make("p", {className: "dim"}, reason(error))); }
  const root = {folders: new Map(), files: [], count: 0, size: 0};
  for (const entry of listed.entries) {
    let at = root;
    const parts = entry.path.split("/"), name = parts.pop();
    for (const part of [null, ...parts]) {
      if (part !== null) {
        if (!at.folders.has(part)) at.folders.set(part, {folders: new Map(), files: [], count: 0, size: 0});
        at = at.folders.get(part);
      }
      at.count += 1;
      at.size += entry.size;
    }
    at.files.push({...entry, name});
  }
  const line = (entry, name) => make("div", {className: "mono"}, `${size(entry.size)}  ${name}${entry.target ? " -> " + entry.target : ""}`);
  const fill = (made, node) => {
    for (const [name, each] of Array.from(node.folders).sort()) {
      const folder = make("details", {}, make("summary", {className: "mono"}, `${name}/  ${each.count.toLocaleString("en")} files, ${size(each.size)}`));
      folder.addEventListener("toggle", () => folder.open && folder.childElementCount === 1 && fill(folder, each));
      made.append(folder);
    }
    made.append(...node.files.map(each => line(each, each.name)));
    if (listed.more && node === root) made.append(`… and ${listed.more} more`);
  };
  const show = () => {
    const wanted = filter.value.toLowerCase();
    if (!wanted) { tree.replaceChildren(); return fill(tree, root); }
    const found = listed.entries.filter(each => each.path.toLowerCase().includes(wanted));
    tree.replaceChildren(...found.slice(0, 200).map(each => line(each, each.path)), found.length > 200 ? `… and ${found.length - 200} more` : "");
  };
  filter.oninput = show;
  show();
}

// ---- volumes, balances, messages

async function showVolumes() {
  keep(find("volumes"), stores.filter(each => each.signature).slice(0, 50), each => each.item_hash, (line, message) => {
    if (line.cells.length) return;
    const file = message.content.item_hash, bytes = cell("", "size", "n");
    const list = make("button", {ariaLabel: `list the content of ${message.item_hash}`, onclick: () => showContent(message.item_hash, file)}, "list");
    line.append(cell(hash(message.item_hash)), bytes, cell(hash(message.content.address), "owner"), cell(list));
    ask(`/api/v0/storage/metadata/${file}`).then(known => bytes.textContent = size(known.size), () => {});
  });
}
function showContent(item, file) {
  find("content").hidden = false;
  say(find("content-of"), item);
  find("content-text").replaceChildren();
  showTree(find("content-text"), file);
}
async function showBalances() {
  const found = await Promise.all([...owners].map(async owner => [owner, await ask(`/api/v0/addresses/${encodeURIComponent(owner)}/balance`)]));
  keep(find("balances"), found, each => each[0], (line, [owner, balance]) => {
    if (!line.cells.length) line.append(cell(make("code", {}, owner)), cell("", "credits", "n"), cell("", "tokens", "n"), cell("", "held", "n"));
    [balance.credit_balance, balance.balance, balance.locked_amount].forEach((value, place) => say(line.cells[place + 1], value.toLocaleString("en")));
  });
}
function showMessage(message) {
  if (!message.signature) return;
  const body = find("messages");
  body.prepend(row(cell(clock(message.time)), cell(message.type),
    cell(make("a", {href: `/api/v0/messages/${message.item_hash}`}, hash(message.item_hash))), cell(hash(message.content.address), "owner")));
  while (body.rows.length > 50) body.deleteRow(-1);
  owners.add(message.content.address);
  prices.clear();
  refresh();
}
let waiting = null;
function refresh() {
  clearTimeout(waiting);
  waiting = setTimeout(() => showPrograms().then(() => Promise.all([showVolumes(), showBalances(), refreshPanel()])).catch(() => {}), 100);
}
function connect() {
  const socket = new WebSocket(`ws://${location.host}/api/ws0/messages?history=50`);
  socket.onopen = () => { say(find("connection"), "connected"); find("messages").replaceChildren(); refresh(); };
  socket.onmessage = event => showMessage(JSON.parse(event.data));
  socket.onclose = () => { say(find("connection"), "the node is gone; waiting for it…"); setTimeout(connect, 1000); };
}
find("faucet").onsubmit = async event => {
  event.preventDefault();
  const form = new FormData(event.target), address = form.get("address").trim();
  const body = JSON.stringify({address, credits: Number(form.get("credits")), tokens: Number(form.get("tokens"))});
  const answer = await fetch("/faucet", {method: "POST", headers: {"Content-Type": "application/json"}, body});
  say(find("given"), answer.ok ? "given" : await answer.text(), answer.ok ? "ok" : "failing");
  if (answer.ok) { owners.add((await answer.json()).address); refresh(); }
};
const tabs = document.querySelector("[role=tablist]");
for (const name of Object.keys(TABS)) {
  const made = make("button", {role: "tab", onclick: () => select(name)}, name[0].toUpperCase() + name.slice(1));
  made.dataset.tab = name;
  made.setAttribute("role", "tab");
  tabs.append(made);
}
tabs.onkeydown = event => {  // https://www.w3.org/WAI/ARIA/apg/patterns/tabs/
  const step = {ArrowRight: 1, ArrowLeft: -1}[event.key], names = Object.keys(TABS);
  if (!step) return;
  select(names[(names.indexOf(tab) + step + names.length) % names.length]);
  tabs.querySelector(`[data-tab=${tab}]`).focus();
};
setInterval(() => showStates().then(refreshPanel).catch(() => {}), 1000);
setInterval(refresh, 10000);
connect();
