// Where one signs in. Whoever comes back signed in never needs it.

import "../elements/sign-in.js";

export const words = ["door"];
export const styles = ["elements/sign-in.css"];
