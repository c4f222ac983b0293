// Filters by paper and verdict, kept in the address so that a view can be shared; and links into closed details.
(function () {
  "use strict";
  const form = document.getElementById("filters");
  const status = document.getElementById("shown");
  const claims = Array.from(document.querySelectorAll(".claim"));
  const names = ["paper", "verdict"];

  function chosen() {
    return Object.fromEntries(names.map((name) => [name, form.elements[name].value]));
  }

  function choose(wanted) {
    for (const name of names) {
      const options = Array.from(form.elements[name]);
      (options.find((o) => o.value === wanted[name]) || options[0]).checked = true;
    }
  }

  function apply() {
    const filter = chosen();
    for (const claim of claims) {
      claim.hidden = names.some((name) => filter[name] && claim.dataset[name] !== filter[name]);
    }
    // What speaks of hidden claims only is hidden with them.
    for (const part of document.querySelectorAll("[data-claims]")) {
      const own = part.dataset.claims.split(" ").map((id) => document.getElementById(id));
      part.hidden = own.every((claim) => !claim || claim.hidden);
    }
    for (const part of document.querySelectorAll(".part, .group, .chapter")) {
      part.hidden = !part.querySelector(".claim:not([hidden]), .experiment:not([hidden]), figure:not([hidden])");
    }
    for (const chapter of document.querySelectorAll(".chapter")) {
      chapter.hidden = !chapter.querySelector(".claim:not([hidden])");
    }
    const n = claims.filter((claim) => !claim.hidden).length;
    const which = names.map((name) => filter[name]).filter(Boolean).join(", ");
    status.textContent = which ? `Showing ${n} of ${claims.length} claims` : `Showing all ${n} claims`;
    status.dataset.filter = which && ` (${which})`;
  }

  function decoded(hash) {
    try {
      return decodeURIComponent(hash);
    } catch {
      return hash;
    }
  }

  function remember() {
    const set = Object.entries(chosen()).filter(([, value]) => value);
    const hash = new URLSearchParams(set).toString();
    history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
  }

  // The address names filters, or a place on the page.
  function read() {
    const hash = location.hash.slice(1);
    const wanted = new URLSearchParams(hash);
    if (!hash || names.some((name) => wanted.has(name))) {
      choose(Object.fromEntries(names.map((name) => [name, wanted.get(name) || ""])));
      apply();
      return;
    }
    apply();
    const place = document.getElementById(decoded(hash));
    if (!place) return;
    if (place.closest("[hidden]")) {
      choose({});
      apply();
    }
    for (let box = place.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    if (place.matches(".experiment")) place.querySelectorAll(".manifest").forEach((box) => { box.open = true; });
    if (place.matches(".line")) {
      place.tabIndex = -1;
      place.focus({ preventScroll: true });
    }
    place.scrollIntoView({ block: place.matches(".line") ? "center" : "start" });
  }

  // What scrolls inside can be reached with the keyboard; what does not is no stop on its way.
  function reachable() {
    for (const box of document.querySelectorAll(".scroll, pre")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", () => {
    apply();
    remember();
    const top = document.getElementById("claims");
    if (top.getBoundingClientRect().top < 0) top.scrollIntoView();
  });
  window.addEventListener("hashchange", read);
  // A second click on the same link changes no address.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) read();
  });
  window.addEventListener("resize", reachable);
  document.addEventListener("toggle", reachable, true);
  read();
  reachable();
})();
