import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const server = 'http://127.0.0.1:8080';

/** The API's documentation page brings its scripts with it, under fixed names. It is loaded only there. */
function apiDocs(): Plugin {
  const place = createRequire(import.meta.url);
  return {
    name: 'api-docs',
    apply: 'build',
    generateBundle() {
      for (const file of ['swagger-ui.css', 'swagger-ui-bundle.js']) {
        const source = readFileSync(place.resolve(`swagger-ui-dist/${file}`));
        this.emitFile({ type: 'asset', fileName: `api-docs/${file}`, source });
      }
    },
  };
}

export default defineConfig({
  plugins: [svelte(), apiDocs()],
  build: {
    outDir: '../src/gwanje/show/page',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { proxy: { '/api': server, '/collect': server } },
  test: { include: ['tests/**/*.test.ts'], env: { TZ: 'Asia/Seoul' } },
});
