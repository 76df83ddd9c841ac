// Asks a device for a passkey, or to make one. Where that cannot be, the forms stay hidden and the page names
// the other ways in.
"use strict";
(function () {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  const fromText = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const toText = (bytes) =>
    btoa(String.fromCharCode(...new Uint8Array(bytes)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");

  // The challenge is signed as the text it is.
  const readable = (question) => {
    const key = question.publicKey;
    key.challenge = fromText(key.challenge);
    for (const known of [...(key.allowCredentials || []), ...(key.excludeCredentials || [])]) {
      known.id = fromText(known.id);
    }
    if (key.user) key.user.id = fromText(key.user.id);
    return question;
  };

  const WHY = {
    NotAllowedError: "It was broken off, or took too long. Press the button again, or come in another way.",
    InvalidStateError: "This device has a passkey of yours already.",
    SecurityError: "The address of this page is not the one in the settings: open the console at its own address.",
    NotSupportedError: "This device makes no passkey that can be used here.",
  };

  async function take(form) {
    const answer = await fetch(form.dataset.passkey, { headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error("The server does not answer. Load the page again.");
    const question = readable(await answer.json());
    const isNew = "user" in question.publicKey;
    const shown = isNew ? await navigator.credentials.create(question) : await navigator.credentials.get(question);
    const said = shown.response;
    const fields = isNew
      ? { client_data: said.clientDataJSON, attestation: said.attestationObject }
      : {
          id: shown.rawId,
          holder: said.userHandle || new ArrayBuffer(0),
          client_data: said.clientDataJSON,
          device_data: said.authenticatorData,
          signature: said.signature,
        };
    for (const [name, bytes] of Object.entries(fields)) form.elements[name].value = toText(bytes);
    form.submit();
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      const says = form.querySelector(".said");
      button.disabled = true;
      says.textContent = "Your device asks you now.";
      take(form).catch((error) => {
        button.disabled = false;
        says.textContent = WHY[error.name] || error.message;
      });
    });
  }
})();
