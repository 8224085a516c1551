// Before the page is drawn: light, dark, or as the device has it.
(() => {
  const root = document.documentElement;
  const device = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const dark = root.dataset.theme === "dark" || (root.dataset.theme !== "light" && device.matches);
    root.dataset.bsTheme = dark ? "dark" : "light";
  };
  apply();
  device.addEventListener("change", apply);
})();
