import { createServer, IncomingMessage, ServerResponse } from "node:http";
import { readFile } from "node:fs/promises";

export interface Route<T = unknown> {
  method: "GET" | "POST" | "DELETE";
  path: RegExp;
  handle(request: IncomingMessage, params: Record<string, string>): Promise<T>;
}

const MAX_BODY = 1024 * 1024;

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY) {
      throw new HttpError(413, `body exceeds ${MAX_BODY} bytes`);
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

export class HttpError extends Error {
  constructor(readonly status: number, message: string, readonly details?: object) {
    super(message);
    this.name = "HttpError";
  }
}

export class Router {
  private readonly routes: Route[] = [];

  add<T>(route: Route<T>): this {
    this.routes.push(route as Route);
    return this;
  }

  async dispatch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", `http://${request.headers.host}`);
    const candidates = this.routes.filter((route) => route.path.test(url.pathname));
    const route = candidates.find((route) => route.method === request.method);
    try {
      if (!route) throw new HttpError(candidates.length > 0 ? 405 : 404, "no such route");
      const { groups = {} } = route.path.exec(url.pathname) ?? {};
      const result = await route.handle(request, groups);
      response.writeHead(200, { "content-type": "application/json; charset=utf-8" });
      response.end(JSON.stringify(result, null, 2));
    } catch (error) {
      const status = error instanceof HttpError ? error.status : 500;
      console.error(`[${new Date().toISOString()}] ${request.method} ${url.pathname} -> ${status}`, error);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
    }
  }
}

const router = new Router()
  .add({ method: "GET", path: /^\/users\/(?<id>\d+)$/, handle: async (_, { id }) => ({ id: Number(id) }) })
  .add({ method: "POST", path: /^\/echo$/, handle: async (request) => JSON.parse((await readBody(request)).toString("utf8")) })
  .add({ method: "GET", path: /^\/version$/, handle: async () => readFile(new URL("./VERSION", import.meta.url), "utf8") });

createServer((request, response) => void router.dispatch(request, response)).listen(Number(process.env.PORT ?? 8080));
