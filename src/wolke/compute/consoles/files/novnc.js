import RFB from "./novnc/core/rfb.js";

const state = document.getElementById("state");
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const path = new URLSearchParams(location.search).get("path") ?? "";
const rfb = new RFB(document.getElementById("screen"), `${scheme}//${location.host}/${path}`, { wsProtocols: ["binary"] });
rfb.scaleViewport = true;
rfb.addEventListener("connect", () => { state.textContent = "connected"; rfb.focus(); });
rfb.addEventListener("desktopname", (event) => { document.title = event.detail.name; });
rfb.addEventListener("disconnect", (event) => {
  state.textContent = event.detail.clean ? "the server ended the connection" : "no connection: the link may have expired";
});
