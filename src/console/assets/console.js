// What pages do when JavaScript is on. Every page works without it.
"use strict";
(function () {
  const byId = (id) => document.getElementById(id);

  // --- Live: the server says that something happened, and the page asks for itself again.
  let stream = null;
  let known = null;
  let waiting = false;
  let later = null;
  let refreshed = -Infinity;

  // Where much happens, a page asks for itself no more often than this: in ms.
  const AT_MOST_EVERY = 1000;

  function say(text, kind) {
    const pill = byId("live-state");
    if (!pill) return;
    pill.hidden = false;
    pill.className = "pill " + kind;
    pill.lastElementChild.textContent = text;
  }

  // Nothing moves under a hand that is about to press, or under the eyes of who tabs through it.
  function isBusy() {
    const live = byId("live");
    if (!live) return true;
    const focused = document.activeElement;
    const inside = focused && focused !== live && live.contains(focused) && focused.matches(":focus-visible");
    return inside || live.matches(":has(.button:hover)");
  }

  function refresh() {
    const live = byId("live");
    if (!live || !window.htmx) return;
    if (isBusy()) {
      waiting = true;
      say("paused", "held");
      return;
    }
    const wait = refreshed + AT_MOST_EVERY - performance.now();
    if (wait > 0) {
      later ??= setTimeout(() => {
        later = null;
        refresh();
      }, wait);
      return;
    }
    waiting = false;
    refreshed = performance.now();
    say("live", "live");
    window.htmx.trigger(live, "moved");
  }

  function listen() {
    if (stream || !byId("live") || document.hidden) return;
    stream = new EventSource(byId("live").dataset.stream);
    stream.addEventListener("stands", (event) => {
      if (known !== null && known !== event.data) refresh();
      known = event.data;
      if (!waiting) say("live", "live");
    });
    stream.addEventListener("moved", (event) => {
      known = event.data;
      refresh();
    });
    stream.onerror = () => say("connecting", "held");
  }

  // A browser has few connections to one server: a page that nobody sees needs none.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && stream) {
      stream.close();
      stream = null;
    } else {
      listen();
    }
  });

  // A page that changed meanwhile asks for itself once the hand is gone.
  setInterval(() => {
    if (waiting && !isBusy()) refresh();
  }, 500);

  // The page also asks now and then by itself, in case no stream comes through.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id !== "live" || !isBusy()) return;
    event.preventDefault();
    waiting = true;
    say("paused", "held");
  });

  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) {
      if (stream) stream.close();
      say("signed out: load the page again", "bad");
    } else {
      say("the server does not answer", "bad");
    }
  });
  document.addEventListener("htmx:sendError", () => say("the server does not answer", "bad"));

  // --- The countdown. Announced at 30, 15, 5 and 0 minutes only: more would be noise.
  const MARKS = [30, 15, 5, 0];
  const announced = new Set();
  let before = new Map();

  function tick() {
    const now = Date.now();
    const seen = new Map();
    for (const ring of document.querySelectorAll(".ring[data-deadline]")) {
      const deadline = Date.parse(ring.dataset.deadline);
      const seconds = Math.round((deadline - now) / 1000);
      const isOver = seconds < 0;
      const minutes = Math.ceil(Math.abs(seconds) / 60);
      const figure = ring.querySelector(".figure b");
      const unit = ring.querySelector(".figure i");
      if (figure) figure.textContent = isOver ? "+" + minutes : String(minutes);
      if (unit) unit.textContent = isOver ? "min over" : "min left";
      const card = ring.closest(".card, .head");
      const name = card && card.querySelector("h1, h2") ? card.querySelector("h1, h2").textContent.trim() : "";
      const key = name + ring.dataset.deadline;
      seen.set(key, seconds);
      const last = before.get(key);
      for (const mark of MARKS) {
        const crossed = last !== undefined && last > mark * 60 && seconds <= mark * 60;
        if (crossed && !announced.has(key + mark)) {
          announced.add(key + mark);
          const text = mark === 0 ? name + ": the deadline has passed" : name + ": " + mark + " minutes left";
          const announcer = byId("announcer");
          if (announcer) announcer.textContent = text;
        }
      }
    }
    before = seen;
  }
  setInterval(tick, 1000);

  // --- Keyboard, unless somebody switched it off: who speaks to their machine would press keys by saying
  // a word.
  const help = byId("help");
  const toggle = byId("keys");
  const hasKeys = () => localStorage.getItem("keys") !== "off";
  const ROWS = ".card, article.row, main .list > li, .events > li";

  function showKeys() {
    if (toggle) toggle.textContent = hasKeys() ? "Switch the keys off" : "Switch the keys on";
    const find = byId("find");
    if (find) find.placeholder = hasKeys() ? "Find a person  /" : "Find a person";
  }
  if (toggle) {
    toggle.addEventListener("click", () => {
      localStorage.setItem("keys", hasKeys() ? "off" : "on");
      showKeys();
    });
  }
  const opener = byId("keys-help");
  if (opener && help) {
    opener.hidden = false;
    opener.addEventListener("click", () => help.showModal());
  }
  showKeys();

  const rowOf = (element) => (element ? element.closest(ROWS) : null);

  function step(by) {
    const rows = [...document.querySelectorAll(ROWS)];
    if (rows.length === 0) return;
    const at = rows.indexOf(rowOf(document.activeElement));
    const to = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1);
    rows[to].tabIndex = -1;
    rows[to].focus();
    rows[to].scrollIntoView({ block: "nearest" });
  }

  // The first of these that the row has.
  function press(...selectors) {
    const row = rowOf(document.activeElement);
    for (const selector of row ? selectors : []) {
      const found = row.querySelector(selector);
      if (found) return found.click();
    }
  }

  const KEYS = {
    "/": () => byId("find") && byId("find").focus(),
    "?": () => help && help.showModal(),
    j: () => step(1),
    k: () => step(-1),
    r: () => press('form[action$="/retry"] button'),
    m: () => press('a[href$="/by-hand"]'),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !"jk".includes(event.key)) return;
    if (!hasKeys() || (help && help.open)) return;
    if (event.target.matches("input, textarea, select, [contenteditable]")) return;
    // On a button or a link it is theirs.
    if (event.key === "Enter" && event.target.matches(ROWS)) {
      return press("h2 a", "h3 a", "a.strong", '.acts a[href^="/doors/"]:not([href$="/by-hand"])', "a");
    }
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  // --- A long file says how far it is. Without scripts the browser saves it all the same.
  let taking = 0;
  // Until it is saved it is in this page, and gone with it.
  window.addEventListener("beforeunload", (event) => {
    if (taking > 0) event.preventDefault();
  });
  async function take(form, says) {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const named = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") || "");
    // What is no file is a page that says why.
    if (!answer.ok || !named) return form.submit();
    const lines = Number(answer.headers.get("drawbridge-lines"));
    const parts = [];
    const text = new TextDecoder();
    let seen = 0;
    let end = "";
    taking += 1;
    try {
      for (const reader = answer.body.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        for (const byte of value) if (byte === 10) seen += 1;
        end = (end + text.decode(value, { stream: true })).slice(-200);
        const share = Math.floor((seen * 100) / lines);
        says.textContent =
          seen < lines
            ? seen + " of " + lines + " lines, " + share + " %: leave this page open"
            : lines + " lines, now the end of it";
      }
    } finally {
      taking -= 1;
    }
    // Whatever the connection says of it: without its seal it is no file.
    if (!end.trimEnd().split("\n").pop().startsWith('{"sealed":')) throw new Error("cut off");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(parts, { type: "application/jsonl" }));
    link.download = named[1];
    link.click();
    URL.revokeObjectURL(link.href);
    says.textContent = "saved: " + seen + " lines";
  }
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const says = form.querySelector(".progress");
    if (!says) return;
    event.preventDefault();
    const button = event.submitter;
    if (button) button.disabled = true;
    says.textContent = "What it has to show is counted first";
    take(form, says)
      .catch(() => {
        says.textContent = "It was cut off, and nothing is saved: press the button again.";
      })
      .finally(() => {
        if (button) button.disabled = false;
      });
  });

  // A button that was pressed says so, and is not pressed twice.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || event.target.method !== "post") return;
    // After the form is read: a disabled button sends nothing of itself.
    setTimeout(() => {
      if (event.defaultPrevented) return;
      button.setAttribute("aria-busy", "true");
      // After a file the page stays as it is.
      if (!("file" in event.target.dataset)) button.disabled = true;
    }, 0);
  });
  // Coming back by the back button finds the buttons as they were.
  window.addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button[aria-busy]")) {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  });

  // --- Signed in for how long. Pressing and typing say that somebody is there; what a page asks by itself
  // does not.
  const ends = byId("ends");
  const csrf = document.querySelector("input[name=csrf]");
  let idleEnd = Date.now() + Number(document.body.dataset.idle) * 1000;
  const mostEnd = Date.now() + Number(document.body.dataset.most) * 1000;
  let asked = 0;

  async function stay() {
    asked = Date.now();
    try {
      const answer = await fetch("/stay", { method: "POST", body: new URLSearchParams({ csrf: csrf.value }) });
      if (answer.ok) idleEnd = Date.now() + Number((await answer.text()).split(" ")[0]) * 1000;
    } catch {
      // The server does not answer: what is left goes on getting less, and the page says so.
    }
    watch();
  }

  function watch() {
    if (!ends || !csrf) return;
    const now = Date.now();
    const isLast = mostEnd <= idleEnd;
    const left = Math.round((Math.min(idleEnd, mostEnd) - now) / 1000);
    // Time to read it, to finish a sentence, and to press.
    const isSoon = left <= (isLast ? 300 : 120);
    ends.hidden = !isSoon;
    byId("stay").hidden = isLast || left <= 0;
    if (!isSoon) return;
    const minutes = Math.ceil(left / 60);
    const text =
      left <= 0
        ? "You were signed out."
        : "You are signed out in " + (minutes > 1 ? minutes + " minutes." : "a minute.");
    // A new text is read aloud: once for each minute.
    if (byId("ends-text").textContent !== text) byId("ends-text").textContent = text;
  }
  if (ends && csrf) {
    byId("stay").addEventListener("click", stay);
    document.addEventListener("input", () => {
      if (Date.now() - asked > 60000 && idleEnd > Date.now()) stay();
    });
    setInterval(watch, 1000);
    watch();
  }

  // A password that is shown once is marked whole by one click.
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("textarea.secret")) event.target.select();
  });

  listen();
  tick();
})();
