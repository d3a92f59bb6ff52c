// The page and its buttons work without this: it only fetches the page again.
(() => {
  const EVERY_MS = 2000;
  const live = [...document.querySelectorAll("[data-live]")];
  const lost = document.getElementById("lost");
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
        // A button that has the focus is not taken away from under it.
        if (newer && !part.contains(document.activeElement) && newer.innerHTML !== part.innerHTML)
          part.innerHTML = newer.innerHTML;
      }
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
  }
  document.addEventListener("visibilitychange", update);
  setInterval(update, EVERY_MS);
})();
