// Writes the seccomp profile that containerd gives to a container without capabilities when a Pod says RuntimeDefault, as
// `go run .` in this folder runs on: `go run . > runtime-default.json && npx prettier --write runtime-default.json`, then
// `npm run generate`. What containerd decides by the machine it runs on is decided here as on amd64.
package main

import (
	"encoding/json"
	"log"
	"os"
	"runtime"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func main() {
	if runtime.GOARCH != "amd64" {
		log.Fatal("run it on amd64: the generator adds what arm64 has besides")
	}
	spec := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}}
	if err := json.NewEncoder(os.Stdout).Encode(seccomp.DefaultProfile(spec)); err != nil {
		log.Fatal(err)
	}
}
