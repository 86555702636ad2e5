import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express';
import { basePath, headers, operations, type OperationName } from '../api/rest/paths.ts';
import { Problem } from '../api/rest/problem.ts';
import { readUpload } from './extension/read-upload.ts';
import type { Authenticate } from './http/authenticate.ts';
import { exchangeOf, type Call, type Operation } from './http/exchange.ts';
import type { InFlight } from './http/in-flight.ts';
import { readJson } from './http/read-json.ts';
import { send, sendProblem, toProblem } from './http/respond.ts';

/** A page that is made once and served to everybody. */
export interface Page {
  readonly path: string;
  /** Not served below the prefix. */
  readonly rootOnly?: boolean;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface AppOptions {
  readonly operations: Readonly<Record<OperationName, Operation>>;
  readonly pages: readonly Page[];
  readonly authenticate: Authenticate;
  readonly observe: RequestHandler;
  readonly inFlight: InFlight;
}

type Method = 'get' | 'post' | 'delete';

interface Route {
  readonly method: Method;
  readonly path: string;
  readonly handler: RequestHandler;
}

function headerOf(req: Request, name: string): string | undefined {
  const value = req.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function idOf(req: Request): string {
  const id = req.params['id'];
  return typeof id === 'string' ? id : '';
}

/** Operations whose body is read when there is room for it. */
const takesFile = (name: OperationName): boolean => name === 'uploadExtension';

function handle(name: OperationName, method: Method, options: AppOptions): RequestHandler {
  const { authenticate, inFlight } = options;
  const operation = options.operations[name];
  return async (req, res) => {
    const exchange = exchangeOf(req);
    const account = authenticate(req.headers.authorization);
    exchange.account = account.metadata.name;
    const body = method === 'post' && !takesFile(name) ? await readJson(req) : undefined;
    const call: Call = {
      account,
      id: idOf(req),
      query: req.query,
      body,
      upload: () => readUpload(req),
      header: (name) => headerOf(req, name),
      idempotencyKey: headerOf(req, headers.idempotencyKey),
      requestId: exchange.requestId,
      clientGone: exchange.clientGone.signal,
    };
    const answer = await inFlight.run(async () => operation(call));
    exchange.sessionId = answer.sessionId;
    send(res, answer);
  };
}

function servePage(page: Page): RequestHandler {
  return (_req, res) => {
    res.statusCode = page.status;
    for (const [name, value] of Object.entries(page.headers)) res.setHeader(name, value);
    res.setHeader('content-length', Buffer.byteLength(page.body));
    res.end(page.body);
  };
}

/** Methods of one path, as `Allow` lists them (https://www.rfc-editor.org/rfc/rfc9110#name-allow). */
function allowOf(methods: readonly Method[]): string {
  const named = methods.flatMap((m) => (m === 'get' ? ['GET', 'HEAD'] : [m.toUpperCase()]));
  return [...named, 'OPTIONS'].join(', ');
}

function otherMethod(allow: string): RequestHandler {
  return (req, res) => {
    if (req.method !== 'OPTIONS')
      throw new Problem('method_not_allowed', `${req.method} is not possible here; use ${allow}.`, {
        headers: { allow },
      });
    send(res, { status: 204, headers: { allow } });
  };
}

function apiRoutes(options: AppOptions): Route[] {
  const names = Object.keys(operations) as OperationName[];
  return names.map((name) => {
    const { method, path } = operations[name];
    return { method, path, handler: handle(name, method, options) };
  });
}

function pageRoutes(pages: readonly Page[]): Route[] {
  return pages.map((page) => ({ method: 'get', path: page.path, handler: servePage(page) }));
}

function createRouter(routes: readonly Route[]): express.Router {
  const router = express.Router({ caseSensitive: true });
  for (const [path, samePath] of Map.groupBy(routes, (route) => route.path)) {
    const route = router.route(path.replaceAll('{', ':').replaceAll('}', ''));
    route.all((req, _res, next) => {
      exchangeOf(req).route = path;
      next();
    });
    for (const { method, handler } of samePath) route[method](handler);
    route.all(otherMethod(allowOf(samePath.map(({ method }) => method))));
  }
  return router;
}

const nothingHere: RequestHandler = () => {
  throw new Problem('not_found', `No such path; ${basePath}/openapi.json lists what there is.`);
};

// express knows an error handler by its four parameters.
// eslint-disable-next-line max-params
const fail: ErrorRequestHandler = (error: unknown, req, res, next) => {
  const problem = toProblem(error, req);
  const exchange = exchangeOf(req);
  if (problem.code === 'internal_error') exchange.cause = problem.cause ?? error;
  if (res.headersSent || res.destroyed) {
    next(error);
    return;
  }
  sendProblem(res, problem, exchange.requestId);
};

export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  const api = apiRoutes(options);
  const anywhere = pageRoutes(options.pages.filter(({ rootOnly }) => !rootOnly));
  app.use(options.observe);
  app.use(basePath, createRouter([...api, ...anywhere]));
  app.use(createRouter([...api, ...pageRoutes(options.pages)]));
  app.use(nothingHere);
  app.use(fail);
  return app;
}
