// Command kubernetes-types writes the table of Kubernetes' protobuf messages: what each field is called in JSON, what
// kind of value it holds, and what is printed when it is absent, for many minor releases in one file.
//
// The facts come from two places that only together say everything: the generated.proto files (field numbers, wire
// types) and the Go structs beside them (JSON names, omitempty, pointers). They are joined on the field number.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
)

// module is one of the Go modules that declare what the API server stores.
type module struct {
	path string
	// Directories below the module that are searched.
	roots []string
}

var modules = []module{
	{"k8s.io/api", []string{""}},
	{"k8s.io/apimachinery", []string{"pkg/apis/meta", "pkg/runtime", "pkg/api/resource", "pkg/util/intstr", "pkg/types"}},
	{"k8s.io/apiextensions-apiserver", []string{"pkg/apis/apiextensions"}},
	{"k8s.io/kube-aggregator", []string{"pkg/apis/apiregistration"}},
}

func main() {
	log.SetFlags(0)
	versionsFile := flag.String("versions", "versions", "file with one module version a line, oldest minor first")
	out := flag.String("out", "", "where the table goes")
	flag.Parse()
	versions, err := readVersions(*versionsFile)
	if err != nil {
		log.Fatal(err)
	}
	union := newUnion()
	for _, version := range versions {
		minor, err := minorOf(version)
		if err != nil {
			log.Fatal(err)
		}
		directories, err := download(version)
		if err != nil {
			log.Fatal(err)
		}
		release, err := readRelease(directories)
		if err != nil {
			log.Fatalf("%s: %v", version, err)
		}
		if err := union.add(minor, release); err != nil {
			log.Fatalf("%s: %v", version, err)
		}
		log.Printf("%s: %s", version, release.summary())
	}
	if err := os.WriteFile(*out, []byte(union.text(versions)), 0o644); err != nil {
		log.Fatal(err)
	}
}

func readVersions(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var versions []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			versions = append(versions, line)
		}
	}
	return versions, nil
}

// minorOf takes the minor release out of a module version: 35 of v0.35.10.
func minorOf(version string) (int, error) {
	var minor, patch int
	if _, err := fmt.Sscanf(version, "v0.%d.%d", &minor, &patch); err != nil {
		return 0, fmt.Errorf("%s is no version like v0.35.10: %w", version, err)
	}
	return minor, nil
}

// download fetches the modules of one release and returns their directories by module path.
func download(version string) (map[string]string, error) {
	directories := map[string]string{}
	for _, module := range modules {
		output, err := exec.Command("go", "mod", "download", "-json", module.path+"@"+version).Output()
		var fetched struct{ Dir, Error string }
		if jsonErr := json.Unmarshal(output, &fetched); jsonErr != nil {
			return nil, fmt.Errorf("%s %s: %v, %v", module.path, version, err, jsonErr)
		}
		if fetched.Error != "" {
			return nil, fmt.Errorf("%s", fetched.Error)
		}
		directories[module.path] = fetched.Dir
	}
	return directories, nil
}
