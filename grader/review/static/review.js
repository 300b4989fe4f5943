// Keys, the current item, and saving that survives a server that is away for a moment. Everything works without it, by mouse.
"use strict";
(() => {
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const one = (what, where = document) => where.querySelector(what);
  const items = () => all(".item");
  const current = () => one(".item.current");
  const main = one("main");
  const trouble = one("#trouble");
  let pending = 0;
  let busy = false; // a decision is on its way; keys pressed meanwhile wait in line, none is lost
  const waiting = [];
  document.documentElement.classList.add("js");

  // The current item -------------------------------------------------------------------------------------------------
  function choose(item, focus = true) {
    if (!item) return;
    items().forEach((other) => other.classList.toggle("current", other === item));
    if (focus) item.focus({ preventScroll: true });
    const pane = item.closest(".rubric");
    if (pane && pane.scrollHeight > pane.clientHeight) {
      pane.scrollTop += item.getBoundingClientRect().top - pane.getBoundingClientRect().top - 56;
    } else {
      item.scrollIntoView({ block: "nearest" });
    }
  }
  function step(by) {
    const list = items();
    choose(list[Math.min(Math.max(list.indexOf(current()) + by, 0), list.length - 1)]);
  }
  function nextOpen(after) {
    const list = items();
    const at = list.findIndex((item) => item.id === after);
    const open = (item) => item.dataset.state !== "settled";
    const next = list.slice(at + 1).find(open) || list.find(open);
    if (next) choose(next);
    else if (main && main.hasAttribute("data-only")) go("n");
    else choose(list[at]);
    if (!next && main) main.classList.add("done");
  }

  // Leaving only when all is saved -----------------------------------------------------------------------------------
  const flush = () => all("form.comment.dirty").forEach((form) => htmx.trigger(form, "save"));
  function leave(address) {
    flush();
    const wait = () => (pending ? setTimeout(wait, 30) : (location.href = address));
    wait();
  }
  function go(key) {
    const link = one(`[data-go="${key}"]`);
    if (link) leave(link.href);
    else if (key === "n" && main && main.dataset.queue) leave(main.dataset.queue);
  }
  addEventListener("pagehide", () => {
    all("form.comment.dirty").forEach((form) => navigator.sendBeacon(form.action, new FormData(form)));
  });

  // Points typed on the keyboard -------------------------------------------------------------------------------------
  function type(item, text) {
    const field = item && one("[data-points]", item);
    if (!field) return;
    field.value = text;
    field.focus();
    field.setSelectionRange(text.length, text.length);
  }
  function nudge(item, by) {
    const field = item && one("[data-points]", item);
    if (!field) return;
    const stepped = Number(item.dataset.step || 0.5);
    const from = field.value === "" ? item.dataset.from || 0 : field.value.replace(",", ".");
    const value = Math.min(Math.max(Number(from) + by * stepped, 0), Number(item.dataset.max));
    type(item, String(value));
  }

  // Evidence: the next cited cell, shown in the frame ----------------------------------------------------------------
  let cited = -1;
  function evidence(item) {
    const links = item ? all("a[data-cell]", item) : [];
    if (!links.length) return;
    cited = (cited + 1) % links.length;
    links[cited].click();
  }

  // Keys -------------------------------------------------------------------------------------------------------------
  const typing = (target) => target.matches("textarea, input:not([type=checkbox]):not([type=file]), select");
  function press(item, key) {
    const button = item && all("[data-key]", item).find((each) => each.dataset.key.split(" ").includes(key));
    if (button) button.click();
    return Boolean(button);
  }
  const keys = {
    j: () => step(1), k: () => step(-1), n: () => go("n"), p: () => go("p"),
    m: (item) => { const field = item && one("[data-comment]", item); if (field) field.focus(); },
    b: (item) => { const bank = item && one(".bank", item); if (bank) { bank.open = true; one("button", bank).focus(); } },
    e: evidence, u: (item) => press(item, "u"), x: (item) => press(item, "x"),
    "+": (item) => nudge(item, 1), "=": (item) => nudge(item, 1), "-": (item) => nudge(item, -1), "−": (item) => nudge(item, -1),
    C: () => { const rest = one("[data-rest]"); if (rest) rest.click(); },
    q: () => { if (main && main.dataset.queue) leave(main.dataset.queue); },
    "/": () => { const filter = one(".filters select"); if (filter) filter.focus(); },
    "?": () => one("#keys").showModal(),
  };
  function typed(event, target) {
    if (event.key === "Escape") {
      target.blur();
      choose(current());
      return true;
    }
    if (!target.matches("[data-points]")) return false;
    if (event.key === "+" || event.key === "-") return nudge(current(), event.key === "+" ? 1 : -1), true;
    return false;
  }
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
    const target = event.target;
    if (busy && !target.matches("textarea")) {
      if (event.key.length === 1 || event.key === "Enter") waiting.push(event.key);
      event.preventDefault();
      return;
    }
    if (typing(target)) {
      if (typed(event, target)) event.preventDefault();
      return;
    }
    if (handle(event.key, target)) event.preventDefault();
  });
  // True if the key meant something here.
  function handle(key, target) {
    const item = current();
    const banked = target.closest(".bank");
    if (banked && /^[1-9]$/.test(key)) {
      const entry = one(`[data-bank="${key}"]`, banked);
      if (entry) entry.click();
      return true;
    }
    if (banked && key === "Escape") return choose(item), true;
    if (key === "Enter" && target.matches("a, button, summary")) return false;
    if (key === "Enter" && !item) {
      const first = one("[data-first]");
      if (first) first.click();
      return Boolean(first);
    }
    if (keys[key]) return keys[key](item), true;
    if (press(item, key)) return true;
    if (key === "Enter" && item && item.dataset.kind === "criterion") return type(item, ""), true;
    if (!/^[1-9.]$/.test(key) || !item || item.dataset.kind !== "criterion") return false;
    type(item, key);
    return true;
  }

  // Clicks -----------------------------------------------------------------------------------------------------------
  addEventListener("click", (event) => {
    const entry = event.target.closest("[data-bank]");
    const item = event.target.closest(".item");
    if (entry) {
      const form = one("form.comment", item);
      const field = one("textarea", form);
      field.value = field.value.trim() ? `${field.value.trimEnd()}\n${entry.dataset.text}` : entry.dataset.text;
      form.classList.add("dirty");
      htmx.trigger(form, "save");
      choose(item);
    } else if (event.target.closest("[data-help]")) one("#keys").showModal();
    else if (event.target.closest("[data-go]")) { event.preventDefault(); go(event.target.closest("[data-go]").dataset.go); }
    else if (item && !item.classList.contains("current")) choose(item, false);
  });
  addEventListener("focusin", (event) => {
    const item = event.target.closest && event.target.closest(".item");
    if (item && !item.classList.contains("current")) choose(item, false);
  });
  addEventListener("input", (event) => {
    const form = event.target.closest("form.comment");
    if (form) form.classList.add("dirty");
  });
  addEventListener("focusout", (event) => {
    const form = event.target.closest && event.target.closest("form.comment.dirty");
    if (form) htmx.trigger(form, "save");
  });
  addEventListener("change", (event) => {
    const form = event.target.closest("form[data-ask]");
    if (form && event.target.name === "about") form.action = form.action.replace(/\/i\/[^/]*\//, `/i/${encodeURIComponent(event.target.value)}/`);
  });

  // Saving -----------------------------------------------------------------------------------------------------------
  const decides = (event) => event.detail.elt.closest(".item") && !event.detail.elt.matches("form.comment");
  addEventListener("htmx:beforeRequest", (event) => {
    pending += 1;
    if (decides(event)) busy = true;
  });
  addEventListener("htmx:afterRequest", (event) => {
    pending -= 1;
    if (event.detail.successful || event.detail.xhr.status === 409) {
      trouble.textContent = "";
      if (event.detail.elt.matches("form.comment")) event.detail.elt.classList.remove("dirty");
    }
  });
  // Not before htmx has settled: until then it may still restore an element's class.
  addEventListener("htmx:afterSettle", (event) => {
    const swapped = event.detail.target.id && one(`#${CSS.escape(event.detail.target.id)}`);
    // An answer that also renews the sum settles twice; only the item's own counts.
    if (!swapped || event.target !== swapped || !swapped.matches(".item")) return;
    cited = -1;
    if (event.detail.xhr.status === 409 || event.detail.requestConfig.path.endsWith("/undo") ||
        !/\/(decide|verdict)(\?|$)/.test(event.detail.requestConfig.path)) choose(swapped);
    else nextOpen(swapped.id);
    busy = false;
    while (waiting.length && !busy) late(waiting.shift(), document.activeElement || document.body);
  });
  // A key that waited: once one of them has led into a field, the others are what was to be written there.
  function late(key, target) {
    if (!typing(target)) handle(key, target);
    else if (key === "Enter" && !target.matches("textarea")) target.form.requestSubmit();
    else if (!typed({ key }, target) && target.setRangeText) {
      target.setRangeText(key === "Enter" ? "\n" : key, target.selectionStart, target.selectionEnd, "end");
      target.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
  addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    const words = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html").querySelector(".words");
    trouble.textContent = `Not saved: ${words ? words.textContent : `the server answered ${status}`}`;
    if (status === 503) return again(event.detail);
    busy = false;
    waiting.length = 0;
  });
  // Busy until it is answered: what is pressed meanwhile is meant for what comes after it.
  addEventListener("htmx:sendError", (event) => {
    trouble.textContent = "Not saved yet: the server can’t be reached. It is tried again until it answers; don’t close this page.";
    again(event.detail);
  });
  function again(detail) {
    const { path, verb } = detail.requestConfig;
    const values = Object.fromEntries(detail.requestConfig.formData || []);
    pending += 1;
    setTimeout(() => {
      pending -= 1;
      htmx.ajax(verb, path, { source: detail.elt, target: detail.target, swap: "outerHTML", values });
    }, 700);
  }

  choose(one(`.item#${CSS.escape(location.hash.slice(1) || "-")}`) || items().find((item) => item.dataset.state !== "settled") || items()[0]);
})();
