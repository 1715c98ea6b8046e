// The published vectors in Chromium and in Firefox.
import { declareVectors } from "../vectors/declare.mjs";

await declareVectors("chromium", "firefox");
