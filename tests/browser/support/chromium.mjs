// The system's Chromium, driven by Playwright.
import { chromium } from "playwright-core";

/** Starts it. */
export function launchChromium() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_BIN ?? "/usr/bin/chromium",
    // Containers and root have no sandbox to offer; the pages are our own.
    args: ["--no-sandbox", "--disable-quic", "--disable-background-networking"],
  });
}
