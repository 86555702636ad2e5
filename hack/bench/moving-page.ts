/** A box that moves over a page with some text, for as long as it is open. */
export const movingPage = `data:text/html,${encodeURIComponent(`<!doctype html>
  <body style="font: 20px sans-serif">${'Lorem ipsum dolor sit amet. '.repeat(60)}
  <div id=box style="position: fixed; width: 160px; height: 160px; background: linear-gradient(45deg, teal, gold)"></div>
  <script>
    const step = (ms) => {
      box.style.left = 500 + 400 * Math.sin(ms / 700) + 'px';
      box.style.top = 250 + 200 * Math.cos(ms / 900) + 'px';
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  </script>`)}`;
