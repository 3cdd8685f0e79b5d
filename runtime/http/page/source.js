// Talking to the process. The token comes in the fragment of the address, #token=..., which no browser sends to anybody; it
// is taken out of the address at once, and kept for this tab alone.
const KEY = "weir-token";

export class Source {
    #token = "";

    constructor() {
        const found = new URLSearchParams(location.hash.slice(1)).get("token");
        if (found !== null)
            history.replaceState(null, "", location.pathname);
        this.token = found ?? sessionStorage.getItem(KEY) ?? "";
    }

    get token() {
        return this.#token;
    }

    set token(value) {
        this.#token = value;
        sessionStorage.setItem(KEY, value);
    }

    #headers() {
        return this.#token ? {Authorization: `Bearer ${this.#token}`} : {};
    }

    async read() {
        const answer = await fetch("/debug/figures", {headers: this.#headers()});
        if (!answer.ok)
            throw Object.assign(new Error(await answer.text()), {status: answer.status});
        return answer.json();
    }

    async change(target) {
        const answer = await fetch(target, {method: "POST", headers: this.#headers()});
        return {ok: answer.ok, status: answer.status, text: (await answer.text()).trim()};
    }
}
