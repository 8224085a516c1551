// A server's screen in the page: noVNC on the socket that the cloud gave.
import RFB from "./novnc/core/rfb.js";

const place = document.getElementById("screen");
const state = document.getElementById("screen-state");
const say = (name) => { state.textContent = place.dataset[name]; };
if (place.dataset.socket) {
  const screen = new RFB(place, place.dataset.socket, { wsProtocols: ["binary"] });
  screen.scaleViewport = true;
  screen.background = "#0b0e14";
  screen.addEventListener("connect", () => { say("joined"); screen.focus(); });
  screen.addEventListener("disconnect", () => say("left"));
  document.getElementById("screen-keys").addEventListener("click", () => { screen.sendCtrlAltDel(); screen.focus(); });
  document.getElementById("screen-full").addEventListener("click", () => place.requestFullscreen());
}
