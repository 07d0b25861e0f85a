/**
 * Imported before ink: where `CI` is set, ink draws nothing but the last frame. Whoever starts the screen has made
 * sure that there is a terminal to draw on, and this process starts no others afterwards.
 */
for (const name of ['CI', 'CONTINUOUS_INTEGRATION']) {
  if (process.env[name] !== undefined) process.env[name] = 'false';
}

export {};
