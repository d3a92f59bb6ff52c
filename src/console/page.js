// The page is whole without this: it only fetches itself again and puts in what has changed.
(() => {
  const EVERY_MS = 3000;
  const live = [...document.querySelectorAll("[data-live]")];
  const lost = document.getElementById("lost");
  const find = document.getElementById("find");
  const failures = document.getElementById("failures");
  document.getElementById("filter").hidden = false;

  function filter() {
    const words = find.value.trim().toLowerCase();
    for (const row of document.querySelectorAll("#calls tbody tr")) {
      const wanted = (!failures.checked || row.dataset.failed === "yes") &&
        (words === "" || row.textContent.toLowerCase().includes(words));
      row.hidden = !wanted;
    }
  }

  function selecting(part) {
    const s = getSelection();
    return !s.isCollapsed && part.contains(s.anchorNode);
  }

  async function update() {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      // Its styles carry another nonce, and are here already.
      const text = (await answer.text()).replace(/<style[^]*?<\/style>/, "");
      const page = new DOMParser().parseFromString(text, "text/html");
      for (const part of live) {
        const newer = page.getElementById(part.id);
        if (newer && !selecting(part) && newer.innerHTML !== part.innerHTML)
          part.innerHTML = newer.innerHTML;
      }
      document.title = page.title;
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
    filter();
  }

  find.addEventListener("input", filter);
  failures.addEventListener("change", filter);
  document.getElementById("filter").addEventListener("submit", (e) => e.preventDefault());
  document.addEventListener("visibilitychange", update);
  setInterval(update, EVERY_MS);
})();
