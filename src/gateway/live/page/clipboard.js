import { element } from './elements.js';

const note = (text) => (element('clipboard-note').textContent = text);

/** Some browsers ask their user, some refuse: then there is still the field to copy from and to paste into. */
async function attempt(action, refused) {
  try {
    await action();
  } catch {
    note(refused);
  }
}

/** The panel with both directions. `current` gives the connection, or nothing. */
export function setUpClipboard(current) {
  const text = element('clipboard-text');
  const panel = element('clipboard');
  const button = element('clipboard-button');
  const device = navigator.clipboard;

  const send = () => {
    current()?.clipboardPasteFrom(text.value);
    note('Sent. Paste it in the session as usual.');
  };
  const toggle = () => {
    panel.hidden = !panel.hidden;
    button.setAttribute('aria-expanded', String(!panel.hidden));
    if (panel.hidden) button.focus();
    else text.focus();
  };
  button.addEventListener('click', toggle);
  panel.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') toggle();
  });
  element('clipboard-send').addEventListener('click', send);
  element('clipboard-copy').hidden = !device?.writeText;
  element('clipboard-copy').addEventListener('click', () =>
    attempt(async () => {
      await device.writeText(text.value);
      note('Copied to this device.');
    }, 'The browser does not allow it: copy the text by hand.'),
  );
  element('clipboard-paste').hidden = !device?.readText;
  element('clipboard-paste').addEventListener('click', () =>
    attempt(async () => {
      text.value = await device.readText();
      send();
    }, 'The browser does not allow it: paste into the field by hand.'),
  );
  return {
    /** Something was copied in the session. */
    received: (copied) => {
      text.value = copied;
      note('Copied in the session.');
    },
  };
}
