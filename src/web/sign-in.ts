/** Asks for a token when the server wants one. */
import { session } from './api.ts';
import { part, setAttribute, setHidden, setText } from './parts.ts';
import type { Refusal } from './refusal.ts';

export class SignIn {
  readonly #form = part(document, 'sign-in', HTMLFormElement);
  readonly #token = part(document, 'token', HTMLInputElement);
  readonly #error = part(document, 'token-error', HTMLElement);
  readonly #send = part(document, 'token-send', HTMLButtonElement);

  /** @param onToken tries the token that `session` has now */
  constructor(onToken: () => void) {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      session.token = this.#token.value.trim();
      setText(this.#error, '');
      setAttribute(this.#send, 'aria-disabled', 'true');
      setText(this.#send, 'Signing in …');
      onToken();
    });
  }

  /** @param refusal of a token that was sent; null: none was */
  ask(refusal: Refusal | null): void {
    const appears = this.#form.hidden;
    setHidden(this.#form, false);
    this.#reset();
    setText(this.#error, refusal === null ? '' : 'This token is not accepted.');
    setAttribute(this.#token, 'aria-invalid', refusal === null ? null : 'true');
    if (appears || refusal !== null) {
      this.#token.focus();
      this.#token.select();
    }
  }

  /** The token cannot be tried now: what is shown elsewhere says why. */
  pause(): void {
    this.#reset();
  }

  hide(): void {
    setHidden(this.#form, true);
    this.#token.value = '';
    this.#reset();
  }

  #reset(): void {
    setAttribute(this.#send, 'aria-disabled', null);
    setText(this.#send, 'Sign in');
  }
}
