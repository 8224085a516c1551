// What pages do beyond links and forms. Every page works without; nothing here knows what a server or an invoice is.
"use strict";
(() => {
  const say = (text) => { const place = document.getElementById("said"); if (place) place.textContent = text; };
  const dialog = () => document.getElementById("dialog");
  const token = () => document.querySelector('meta[name="csrf"]')?.content ?? "";

  document.addEventListener("htmx:configRequest", (event) => { event.detail.headers["X-CSRF-Token"] = token(); });
  // A refusal is a page like any other: what was typed, and what is wrong with it.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const status = event.detail.xhr.status;
    if (status >= 400 && status < 600 && event.detail.target?.id === "dialog") event.detail.shouldSwap = true;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "dialog" && event.detail.target.childElementCount && !dialog().open) dialog().showModal();
    ready(event.detail.target);
  });

  document.addEventListener("click", (event) => {
    const target = event.target.closest?.("[data-copy], [data-close], [data-fill]");
    for (const menu of document.querySelectorAll("details.drop[open]")) if (!menu.contains(event.target)) menu.open = false;
    if (event.target === dialog()) dialog().close();
    if (!target) return;
    if (target.dataset.copy !== undefined) copy(target);
    if (target.dataset.close !== undefined && dialog().open) { event.preventDefault(); dialog().close(); }
    if (target.dataset.fill !== undefined) fill(target);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.drop[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.going) event.preventDefault();
    else if (form.method === "post" && !form.hasAttribute("hx-post")) form.dataset.going = "yes";
  });
  window.addEventListener("pageshow", () => { for (const form of document.querySelectorAll("[data-going]")) delete form.dataset.going; });

  async function copy(button) {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.dataset.done = "yes";
    say(document.documentElement.lang === "de" ? "Kopiert" : "Copied");
    setTimeout(() => delete button.dataset.done, 1600);
  }
  function fill(button) {
    const field = document.getElementById(button.dataset.fill);
    field.value = button.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // A form whose answers change what stands beside it (a price): it is asked for again with what is chosen now.
  function charts(place) {
    for (const chart of place.querySelectorAll("[data-chart]")) {
      if (chart.dataset.drawn || !window.uPlot) continue;
      chart.dataset.drawn = "yes";
      draw(chart);
    }
  }
  function draw(chart) {
    const told = JSON.parse(chart.dataset.chart);
    const style = getComputedStyle(document.documentElement);
    const tint = (name) => style.getPropertyValue(name).trim();
    const figures = new Intl.NumberFormat(document.documentElement.lang, told.currency ? { style: "currency", currency: told.currency } : {});
    const tones = [tint("--tblr-primary"), tint("--w-quiet"), tint("--w-good"), tint("--w-warn")];
    const axis = { stroke: tint("--w-quiet"), grid: { stroke: tint("--w-line"), width: 1 }, ticks: { show: false }, font: "12px Inter, system-ui" };
    const series = told.series.map((one, index) => ({
      label: one.name, stroke: tones[index % tones.length], width: 2, dash: one.dashed ? [5, 5] : undefined,
      fill: one.dashed ? undefined : tones[index % tones.length] + "1c", points: { show: told.times.length < 3 },
      value: (_, value) => (value == null ? "–" : figures.format(value)),
    }));
    const size = () => ({ width: chart.clientWidth, height: 240 });
    const plot = new uPlot({
      ...size(), legend: { live: true }, cursor: { y: false }, scales: { y: { range: (_, low, high) => [0, (high || 1) * 1.15] } },
      series: [{ label: told.time, value: (_, at) => (at == null ? "–" : new Date(at * 1000).toLocaleDateString(document.documentElement.lang)) }, ...series],
      axes: [
        { ...axis, values: (_, ats) => ats.map((at) => new Date(at * 1000).toLocaleDateString(document.documentElement.lang, { day: "numeric", month: "short" })) },
        { ...axis, size: 68, values: (_, values) => values.map((value) => figures.format(value)) },
      ],
    }, [told.times, ...told.series.map((one) => one.values)], chart);
    new ResizeObserver(() => plot.setSize(size())).observe(chart);
  }

  // Files dropped or chosen go up one after the other, each with its bar.
  function uploads(place) {
    for (const zone of place.querySelectorAll("[data-upload]")) {
      const input = zone.querySelector('input[type="file"]'), list = zone.querySelector("[data-progress]");
      const send = (file) => new Promise((done) => {
        const row = document.createElement("p"), bar = document.createElement("progress"), name = document.createElement("span");
        name.textContent = file.name;
        bar.max = Math.max(1, file.size);
        bar.value = 0;
        bar.setAttribute("aria-label", file.name);
        row.append(name, bar);
        list.append(row);
        const request = new XMLHttpRequest();
        request.open("PUT", zone.dataset.upload + encodeURIComponent(file.name));
        request.setRequestHeader("X-CSRF-Token", token());
        request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
        request.upload.onprogress = (event) => { bar.value = event.loaded; };
        request.onloadend = () => {
          const fine = request.status >= 200 && request.status < 300;
          if (!fine) name.textContent = `${file.name}: ${request.responseText.slice(0, 200) || zone.dataset.failed}`;
          bar.hidden = true;
          done(fine);
        };
        request.send(file);
      });
      const all = async (files) => {
        let fine = true;
        for (const file of files) fine = (await send(file)) && fine;
        if (fine) location.reload();
      };
      input.addEventListener("change", () => all([...input.files]));
      zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
      zone.addEventListener("dragleave", () => zone.classList.remove("over"));
      zone.addEventListener("drop", (event) => { event.preventDefault(); zone.classList.remove("over"); all([...event.dataTransfer.files]); });
    }
  }

  function ready(place) {
    charts(place);
    uploads(place);
  }
  // Not before every script has run: what a page brings of its own (the charts') comes after this one.
  document.addEventListener("DOMContentLoaded", () => ready(document));
})();
