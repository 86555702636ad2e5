import { element } from './elements.js';

/** https://www.x.org/releases/X11R7.7/doc/xproto/x11protocol.html#keysym_encoding */
const keysyms = { BackSpace: 0xff08, Return: 0xff0d };
const keysymOf = (character) => {
  const code = character.codePointAt(0);
  return code < 0x100 ? code : 0x01000000 | code;
};

/** Something to delete, or some keyboards do not tell of it. */
const filler = ' ';

function setUpTyping(current) {
  const field = element('typing');
  const press = (keysym) => {
    current()?.sendKey(keysym, null, true);
    current()?.sendKey(keysym, null, false);
  };
  const type = (text) => {
    for (const character of text ?? '') press(character === '\n' ? keysyms.Return : keysymOf(character));
  };
  const clear = () => (field.value = filler);
  field.addEventListener('beforeinput', (event) => {
    if (event.isComposing) return;
    event.preventDefault();
    if (event.inputType.startsWith('delete')) press(keysyms.BackSpace);
    else if (event.inputType === 'insertLineBreak') press(keysyms.Return);
    else type(event.data ?? event.dataTransfer?.getData('text/plain'));
  });
  field.addEventListener('compositionend', (event) => {
    type(event.data);
    clear();
  });
  element('keyboard-button').addEventListener('click', () => {
    field.hidden = !field.hidden;
    clear();
    if (!field.hidden) field.focus();
  });
}

/** The screen takes every key, Tab among them: Shift+Esc is the way out. Keys that were held are let go. */
export function setUpKeyboard(current) {
  setUpTyping(current);
  const isInScreen = () => element('screen').contains(document.activeElement);
  addEventListener(
    'keydown',
    (event) => {
      if (event.key !== 'Escape' || !event.shiftKey || !isInScreen()) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      element('clipboard-button').focus();
    },
    { capture: true },
  );
  // noVNC lets all keys go when the window loses the focus; so it does when its screen does.
  element('screen').addEventListener('focusout', () => dispatchEvent(new Event('blur')));
}
