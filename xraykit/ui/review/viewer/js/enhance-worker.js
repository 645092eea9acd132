// Sharpened and CLAHE views computed beside the page, so that nothing stalls meanwhile.

import { enhance } from "./enhance.js";

addEventListener("message", ({ data }) => {
  const values = enhance(data);
  postMessage({ key: data.key, values }, [values.buffer]);
});
