import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildArguments, isGoOlder, whyGoUnfit } from '../../hack/controlplane/build.mjs';
import { findControlPlane, findPrograms, isRecentEnough } from '../../hack/controlplane/find.mjs';
import { parseWanted } from '../../hack/controlplane.mjs';
import { applyPatch, listPatches } from '../../hack/controlplane/patched-module.mjs';
import { cachedFile, controlPlaneNames, moduleFolder, programs, readPin } from '../../hack/controlplane/programs.mjs';
import { planTests } from '../../hack/test-projects.mjs';

let base = '';
beforeEach(() => {
  base = realpathSync(mkdtempSync(path.join(tmpdir(), 'porthole-controlplane-')));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function makeProgram(file: string, says = '', mode = 0o755): string {
  const full = path.join(base, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(full, mode);
  return full;
}

const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({ HOME: base, PATH: '/bin', ...more });

const inCache = (name: string): string => {
  const program = programs.find((p) => p.name === name);
  if (!program) throw new Error(name);
  return path.relative(base, cachedFile(program, environment()));
};

describe('findControlPlane', () => {
  it('names all that is missing, and builds nothing', () => {
    const { files, missing } = findControlPlane(environment());
    expect(files).toEqual({});
    expect(missing).toEqual(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl', 'helm']);
    expect(existsSync(path.join(base, '.cache'))).toBe(false);
  });

  it('takes KUBEBUILDER_ASSETS first, program by program, and the cache for the rest', () => {
    const etcd = makeProgram('assets/etcd');
    makeProgram(inCache('etcd'));
    makeProgram('assets/kube-apiserver', '', 0o644);
    const apiServer = makeProgram(inCache('kube-apiserver'));
    const { files, missing } = findControlPlane(environment({ KUBEBUILDER_ASSETS: path.join(base, 'assets') }));
    expect(files).toEqual({ etcd, 'kube-apiserver': apiServer });
    expect(missing).toEqual(['kube-controller-manager', 'kube-scheduler', 'kubectl', 'helm']);
  });

  it('looks below XDG_CACHE_HOME where that is set', () => {
    const program = programs.find(({ name }) => name === 'etcd');
    expect(program && cachedFile(program, environment({ XDG_CACHE_HOME: '/var/cache' }))).toBe(
      `/var/cache/porthole/controlplane/etcd-${readPin('etcd').version}/etcd`,
    );
  });

  it('takes kubectl and helm from the PATH where nothing else has them, and etcd from there never', () => {
    const kubectl = makeProgram('bin/kubectl', '{"clientVersion": {"gitVersion": "v1.34.9"}}');
    const helm = makeProgram('bin/helm', 'v3.19.0+gabc');
    makeProgram('bin/etcd');
    const env = environment({ PATH: `relative:${base}/bin:/bin` });
    expect(findControlPlane(env).files).toEqual({ kubectl, helm });
    const cached = makeProgram(inCache('kubectl'));
    expect(findControlPlane(env).files).toEqual({ kubectl: cached, helm });
  });

  it('leaves a kubectl on the PATH that is too old', () => {
    makeProgram('bin/kubectl', '{"clientVersion": {"gitVersion": "v1.32.4-dispatcher"}}');
    expect(findControlPlane(environment({ PATH: `${base}/bin:/bin` })).missing).toContain('kubectl');
  });
});

describe('findPrograms', () => {
  it('looks for what it is asked for, and for nothing else', () => {
    const kubelet = makeProgram(inCache('kubelet'));
    makeProgram(inCache('etcd'));
    expect(findPrograms(environment(), ['kubelet', 'runsc'])).toEqual({ files: { kubelet }, missing: ['runsc'] });
  });

  it("leaves a machine's own containerd: it may be another one than the node is written for", () => {
    makeProgram('bin/containerd');
    const env = environment({ PATH: `${base}/bin:/bin` });
    expect(findPrograms(env, ['containerd']).missing).toEqual(['containerd']);
  });
});

describe('npm run controlplane', () => {
  const gvisor = ['containerd', 'containerd-shim-runc-v2', 'ctr', 'runsc', 'containerd-shim-runsc-v1'];
  it.each([
    [[], controlPlaneNames],
    [
      ['--with', 'node'],
      [...controlPlaneNames, 'kubelet'],
    ],
    [
      ['--with', 'gvisor', '--with=node'],
      [...controlPlaneNames, 'kubelet', ...gvisor],
    ],
    [
      ['--with', 'node,gvisor'],
      [...controlPlaneNames, 'kubelet', ...gvisor],
    ],
    [
      ['--only', 'kubectl,helm'],
      ['kubectl', 'helm'],
    ],
    [['--only', 'docker'], undefined],
    [['--with'], undefined],
    [['--with', 'docker'], undefined],
    [['--with', 'node,docker'], undefined],
    [['node'], undefined],
  ])('%j means %j', (args, names) => {
    expect(parseWanted(args)).toEqual(names);
  });
});

describe('a program of a set', () => {
  it.each(programs)('$name is named in the tools.go of its module', ({ module, goPackage }) => {
    expect(readFileSync(path.join(moduleFolder(module), 'tools.go'), 'utf8')).toContain(`_ "${goPackage}"`);
  });
});

describe('applyPatch', () => {
  const patch = `Why it is so.

diff --git a/shim.go b/shim.go
--- a/shim.go
+++ b/shim.go
@@ -1,3 +1,3 @@
 one
-two
+2
 three
`;

  function makeSource(text: string): { folder: string; file: string } {
    const folder = path.join(base, 'module');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'shim.go'), text);
    const file = path.join(base, 'change.patch');
    writeFileSync(file, patch);
    return { folder, file };
  }

  it('changes the source', () => {
    const { folder, file } = makeSource('one\ntwo\nthree\n');
    applyPatch(folder, file);
    expect(readFileSync(path.join(folder, 'shim.go'), 'utf8')).toBe('one\n2\nthree\n');
  });

  it('throws when the source is another one, and leaves it', () => {
    const { folder, file } = makeSource('one\nzwei\nthree\n');
    expect(() => applyPatch(folder, file)).toThrow('patch does not apply');
    expect(readFileSync(path.join(folder, 'shim.go'), 'utf8')).toBe('one\nzwei\nthree\n');
  });

  it('reaches the source in a repository too', () => {
    execFileSync('git', ['init', '--quiet', base]);
    const { folder, file } = makeSource('one\ntwo\nthree\n');
    applyPatch(folder, file);
    expect(readFileSync(path.join(folder, 'shim.go'), 'utf8')).toContain('2');
  });

  it('is given what changes gVisor, and nothing else', () => {
    const names = ['etcd', 'kubernetes', 'helm', 'containerd', 'gvisor'] as const;
    expect(names.flatMap(listPatches).map((file) => path.relative(moduleFolder('gvisor'), file))).toEqual([
      'shim-oom-score.patch',
    ]);
  });
});

describe('isRecentEnough', () => {
  it.each([
    ['kubectl', '{"gitVersion": "v1.35.0"}', true],
    ['kubectl', '{"gitVersion": "v1.36.2"}', true],
    ['kubectl', '{"gitVersion": "v1.33.0"}', false],
    ['kubectl', '', false],
    ['helm', 'v3.8.0+g1', true],
    ['helm', 'v3.2.1+g1', false],
    ['helm', 'v4.0.0', false],
    ['helm', 'Client: v2.17.0', false],
  ] as const)('%s that says %j: %s', (name, answer, expected) => {
    expect(isRecentEnough(name, answer, name === 'helm' ? 'v3.22.0' : 'v1.35.4')).toBe(expected);
  });
});

describe('readPin', () => {
  it.each(['etcd', 'kubernetes', 'helm', 'containerd', 'gvisor'] as const)(
    'reads version and Go of %s from its go.mod',
    (module) => {
      expect(readPin(module)).toEqual({
        path: expect.stringMatching(/^[\w./-]+$/) as string,
        // gVisor has no releases as a module: https://go.dev/ref/mod#pseudo-versions
        version: expect.stringMatching(/^v\d+\.\d+\.\d+(-\d{14}-[0-9a-f]{12})?$/) as string,
        go: expect.stringMatching(/^1\.\d+/) as string,
      });
    },
  );

  it('refuses a go.mod that pins nothing', () => {
    expect(() => readPin('helm', 'module x\n\ngo 1.25.0\n')).toThrow('pins no helm.sh/helm/v3');
  });
});

describe('buildArguments', () => {
  it('tells Kubernetes which version it is', () => {
    const [program] = programs.filter(({ name }) => name === 'kube-scheduler');
    const args = program ? buildArguments(program, 'v1.35.4') : [];
    expect(args.at(-1)).toBe('k8s.io/kubernetes/cmd/kube-scheduler');
    expect(args.join(' ')).toContain('-X k8s.io/component-base/version.gitVersion=v1.35.4');
    expect(args.join(' ')).toContain('-X k8s.io/component-base/version.gitMinor=35');
  });
});

describe('Go', () => {
  it.each([
    ['go1.26.8', '1.26.0', false],
    ['go1.26', '1.26.0', false],
    ['go1.25.9', '1.26.0', true],
    ['go1.9', '1.26.0', true],
    ['go2.0', '1.26.0', false],
  ])('%s is older than %s: %s', (version, oldest, expected) => {
    expect(isGoOlder(version, oldest)).toBe(expected);
  });

  it.each([
    [{ mayFetch: false }, 'Go is not installed'],
    [{ version: 'go1.26.1', mayFetch: false }, undefined],
    [{ version: 'go1.24.0', mayFetch: true }, undefined],
    [{ version: 'go1.24.0', mayFetch: false }, 'go1.24.0 is too old (1.26.0 is needed)'],
    [{ version: 'go1.19.8', mayFetch: true }, 'go1.19.8 is too old (1.26.0 is needed)'],
  ])('%j: %s', (go, expected) => {
    expect(whyGoUnfit(go, '1.26.0')).toBe(expected);
  });
});

describe('planTests', () => {
  const args = ['a.test.ts'];
  const lacks = { 'control-plane': undefined, node: undefined, gvisor: undefined };
  const not = (...projects: string[]): string[] => projects.map((project) => `--project=!${project}`);
  const ofCluster = ['cluster', 'scenario-cluster'];
  const ofNode = ['node', 'scenario-node'];
  const ofGvisor = ['scenario-gvisor'];

  it('runs everything where everything is there, each story once on a control plane', () => {
    const all = ['a.test.ts', ...not('scenario-cluster')];
    expect(planTests({ args, mode: undefined, lacks })).toEqual({ args: all, needs: [], leftOut: [] });
  });

  it('says what is left out, and why', () => {
    const withoutAll = { ...lacks, 'control-plane': 'no etcd' };
    expect(planTests({ args, mode: undefined, lacks: withoutAll })).toEqual({
      args: ['a.test.ts', ...not(...ofCluster, ...ofNode, ...ofGvisor)],
      needs: [],
      leftOut: [ofCluster, ofNode, ofGvisor].map((projects) => ({ projects, why: 'no etcd' })),
    });
    const withoutNode = { ...lacks, node: 'not root' };
    expect(planTests({ args, mode: undefined, lacks: withoutNode })).toEqual({
      args: ['a.test.ts', ...not(...ofNode, ...ofGvisor)],
      needs: [],
      leftOut: [ofNode, ofGvisor].map((projects) => ({ projects, why: 'not root' })),
    });
  });

  it.each([
    ['cluster', ['control-plane']],
    ['node', ['control-plane', 'node']],
    ['gvisor', ['control-plane', 'node', 'gvisor']],
  ])('runs the scenarios with MODE=%s, and brings what they need', (mode, needs) => {
    const missing = { ...lacks, 'control-plane': 'no etcd' };
    const plan = planTests({ args, mode, lacks: missing });
    expect(plan).toEqual({ args: ['a.test.ts', `--project=scenario-${mode}`], needs, leftOut: [] });
  });

  it('runs nothing on a cluster with MODE=embedded, and misses nothing', () => {
    const plan = planTests({ args, mode: 'embedded', lacks: { ...lacks, node: 'not root' } });
    expect(plan).toMatchObject({
      args: ['a.test.ts', ...not(...ofCluster, ...ofNode, ...ofGvisor)],
      leftOut: [],
    });
  });

  it('leaves the choice of projects to whoever names some', () => {
    const named = ['--project', 'cluster'];
    const missing = { ...lacks, 'control-plane': 'no etcd' };
    expect(planTests({ args: named, mode: undefined, lacks: missing })).toMatchObject({ args: named, leftOut: [] });
  });
});
