"use strict";
// A plain terminal: text, backspace, carriage return and bell; escape sequences are dropped, not obeyed.
const terminal = document.getElementById("terminal");
const state = document.getElementById("state");
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(`${scheme}//${location.host}/console/serial/socket${location.search}`, ["binary"]);
const decoder = new TextDecoder();
const KEYS = { Enter: "\r", Backspace: "\x7f", Tab: "\t", Escape: "\x1b", ArrowUp: "\x1b[A", ArrowDown: "\x1b[B",
  ArrowRight: "\x1b[C", ArrowLeft: "\x1b[D", Home: "\x1b[H", End: "\x1b[F", Delete: "\x1b[3~" };
let lines = [""], column = 0, pending = "";

function put(text) {
  pending += text;
  const whole = pending.replace(/\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][A-Z0-9]|[=>78A-Z])/g, "");
  const open = whole.lastIndexOf("\x1b");
  pending = open >= 0 && whole.length - open < 64 ? whole.slice(open) : "";
  for (const letter of pending ? whole.slice(0, open) : whole) {
    if (letter === "\n") { lines.push(""); column = 0; }
    else if (letter === "\r") { column = 0; }
    else if (letter === "\b") { column = Math.max(0, column - 1); }
    else if (letter >= " ") {
      const line = lines[lines.length - 1];
      lines[lines.length - 1] = line.slice(0, column).padEnd(column) + letter + line.slice(column + 1);
      column += 1;
    }
  }
  lines = lines.slice(-5000);
  terminal.textContent = lines.join("\n");
  terminal.scrollTop = terminal.scrollHeight;
}

socket.binaryType = "arraybuffer";
socket.onopen = () => { state.textContent = "connected: press Enter for a prompt"; terminal.focus(); };
socket.onclose = () => { state.textContent = "no connection: the link may have expired, or another console is open"; };
socket.onmessage = (event) => put(decoder.decode(event.data, { stream: true }));
const send = (text) => socket.readyState === WebSocket.OPEN && socket.send(new TextEncoder().encode(text));
terminal.addEventListener("keydown", (event) => {
  if (event.isComposing || event.altKey || event.metaKey) return;
  let text = KEYS[event.key];
  if (event.ctrlKey) text = /^[a-z]$/i.test(event.key) ? String.fromCharCode(event.key.toUpperCase().charCodeAt(0) - 64) : undefined;
  else if (event.key.length === 1) text = event.key;
  if (text !== undefined) { event.preventDefault(); send(text); }
});
terminal.addEventListener("paste", (event) => { event.preventDefault(); send(event.clipboardData.getData("text")); });
