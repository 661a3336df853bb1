package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// protoFile is what a generated.proto declares: the package, and the messages by name.
type protoFile struct {
	pkg      string
	messages map[string]map[int]protoField
}

// protoField is one line of a message. A map has string keys; typ is then the type of its values.
type protoField struct {
	number   int
	name     string
	typ      string
	repeated bool
	isMap    bool
}

var (
	packageLine = regexp.MustCompile(`^package ([\w.]+);$`)
	messageLine = regexp.MustCompile(`^message (\w+) \{$`)
	fieldLine   = regexp.MustCompile(`^(optional|repeated) ([\w.]+) (\w+) = (\d+);$`)
	mapLine     = regexp.MustCompile(`^map<string, ([\w.]+)> (\w+) = (\d+);$`)
)

// readProto reads a file as go-to-protobuf writes it: one declaration a line, no nesting, nothing but messages.
func readProto(path string) (*protoFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file := &protoFile{messages: map[string]map[int]protoField{}}
	var current map[int]protoField
	for number, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if found := packageLine.FindStringSubmatch(line); found != nil {
			file.pkg = found[1]
		} else if found := messageLine.FindStringSubmatch(line); found != nil {
			current = map[int]protoField{}
			file.messages[found[1]] = current
		} else if line == "}" {
			current = nil
		} else if current != nil && line != "" && !strings.HasPrefix(line, "//") {
			field, err := file.field(line)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, number+1, err)
			}
			current[field.number] = field
		}
	}
	return file, nil
}

func (file *protoFile) field(line string) (protoField, error) {
	if found := fieldLine.FindStringSubmatch(line); found != nil {
		number, err := strconv.Atoi(found[4])
		return protoField{number: number, name: found[3], typ: file.qualified(found[2]), repeated: found[1] == "repeated"}, err
	}
	if found := mapLine.FindStringSubmatch(line); found != nil {
		number, err := strconv.Atoi(found[3])
		return protoField{number: number, name: found[2], typ: file.qualified(found[1]), isMap: true}, err
	}
	return protoField{}, fmt.Errorf("not understood: %s", line)
}

var scalars = map[string]bool{"string": true, "int32": true, "int64": true, "bool": true, "double": true, "bytes": true}

// qualified gives the full name of a message; scalars stay as they are.
func (file *protoFile) qualified(typ string) string {
	if scalars[typ] {
		return typ
	}
	typ = strings.TrimPrefix(typ, ".")
	if strings.Contains(typ, ".") {
		return typ
	}
	return file.pkg + "." + typ
}
