package main

import (
	"errors"
	"fmt"
	"go/ast"
	"io/fs"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// field is one field of a message, as one release has it.
type field struct {
	number int
	// The name in JSON; empty if the fields of this one stand in its parent.
	json   string
	inline bool
	typ    string
	rule   rule
}

// rule says how Go holds a field and when it leaves it out.
type rule struct {
	shape     shape
	omitEmpty bool
	omitZero  bool
}

// message is one message; apiVersion is set if it is a kind of its own.
type message struct {
	apiVersion string
	kind       string
	fields     map[int]field
}

type release struct {
	messages map[string]*message
}

// special types have a JSON form of their own, which the reader of the table knows.
var special = map[string]string{
	"k8s.io.apimachinery.pkg.apis.meta.v1.Time":          "Time",
	"k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime":     "MicroTime",
	"k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1":      "FieldsV1",
	"k8s.io.apimachinery.pkg.api.resource.Quantity":      "Quantity",
	"k8s.io.apimachinery.pkg.util.intstr.IntOrString":    "IntOrString",
	"k8s.io.apimachinery.pkg.runtime.RawExtension":       "RawExtension",
	"k8s.io.apimachinery.pkg.apis.meta.v1.Duration":      "Duration",
	"k8s.io.apimachinery.pkg.apis.meta.v1.Timestamp":     "",
	"k8s.io.apimachinery.pkg.api.resource.QuantityValue": "",
	"k8s.io.apimachinery.pkg.runtime.Unknown":            "",
	"k8s.io.apimachinery.pkg.runtime.TypeMeta":           "",
}

const apiextensions = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions."

// specialName gives the name of a special type in the table; drop means that nothing stored has it.
func specialName(full string) (name string, isSpecial bool) {
	if name, ok := special[full]; ok {
		return name, true
	}
	if rest, ok := strings.CutPrefix(full, apiextensions); ok {
		version, typ, _ := strings.Cut(rest, ".")
		switch typ {
		case "JSON":
			return "JSON", true
		case "JSONSchemaPropsOrBool", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrStringArray":
			return strings.TrimPrefix(typ, "JSONSchemaProps") + ":apiextensions." + version + ".JSONSchemaProps", true
		}
	}
	return "", false
}

// shortName is the name of a message in the table: core.v1.Pod.
func shortName(full string) string {
	for _, prefix := range []string{"k8s.io.api.", "k8s.io.apimachinery.pkg.apis.", "k8s.io.apimachinery.pkg.",
		"k8s.io.apiextensions_apiserver.pkg.apis.", "k8s.io.kube_aggregator.pkg.apis."} {
		if short, ok := strings.CutPrefix(full, prefix); ok {
			return short
		}
	}
	return full
}

// readRelease joins the .proto files of a release with the Go structs beside them.
func readRelease(directories map[string]string) (*release, error) {
	all := packages{}
	for _, module := range modules {
		for _, root := range module.roots {
			if err := all.readGo(module.path, directories[module.path], root); err != nil {
				return nil, err
			}
		}
	}
	result := &release{map[string]*message{}}
	wrapped := map[string]bool{}
	for _, importPath := range sortedKeys(all) {
		pkg := all[importPath]
		file, err := readProto(filepath.Join(pkg.directory(directories), "generated.proto"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for name, fields := range file.messages {
			full := file.pkg + "." + name
			if _, isSpecial := specialName(full); isSpecial {
				continue
			}
			if isWrappedList(pkg, name) {
				wrapped[full] = true
				continue
			}
			joined, err := all.join(named{pkg, name}, fields)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", full, err)
			}
			result.messages[full] = joined
		}
	}
	return result, result.nameTypes(wrapped)
}

func (pkg *goPackage) directory(directories map[string]string) string {
	for _, module := range modules {
		if rest, ok := strings.CutPrefix(pkg.importPath, module.path+"/"); ok {
			return filepath.Join(directories[module.path], filepath.FromSlash(rest))
		}
	}
	return directories[pkg.importPath]
}

// isWrappedList tells messages that are a plain list in Go and JSON: `type ExtraValue []string`.
func isWrappedList(pkg *goPackage, name string) bool {
	spec := pkg.types[name]
	if spec == nil {
		return false
	}
	_, isList := spec.Type.(*ast.ArrayType)
	return isList
}

// join puts the fields of a message together with those of the Go struct, by the number in the protobuf tag.
func (all packages) join(name named, fields map[int]protoField) (*message, error) {
	owner, body, err := all.structOf(name)
	if err != nil {
		return nil, err
	}
	result := &message{fields: map[int]field{}}
	for _, declared := range body.Fields.List {
		if len(declared.Names) == 0 && typeName(declared.Type) == "TypeMeta" {
			result.kind = name.name
			result.apiVersion = name.pkg.apiVersion()
		}
		tag, number := tagsOf(declared)
		if number == 0 {
			continue
		}
		proto, ok := fields[number]
		if !ok {
			return nil, fmt.Errorf("field %d is in Go, not in the .proto", number)
		}
		joined, err := all.joinField(declared, tag, proto, owner)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", proto.name, err)
		}
		result.fields[number] = joined
	}
	for number, proto := range fields {
		if _, ok := result.fields[number]; !ok {
			return nil, fmt.Errorf("%s = %d is in the .proto, not in Go", proto.name, number)
		}
	}
	return result, nil
}

func (all packages) joinField(declared *ast.Field, tag reflect.StructTag, proto protoField, owner named) (field, error) {
	name, options, _ := strings.Cut(tag.Get("json"), ",")
	has := func(option string) bool {
		for _, given := range strings.Split(options, ",") {
			if given == option {
				return true
			}
		}
		return false
	}
	found, err := all.shapeOf(declared.Type, owner)
	if err != nil {
		return field{}, err
	}
	wanted := map[bool]shape{proto.isMap: shapeMap, proto.repeated: shapeSlice}[true]
	if wanted != "" && found != wanted {
		return field{}, fmt.Errorf("a %s in Go, a %s in the .proto", found, wanted)
	}
	inline := name == "" && (has("inline") || len(declared.Names) == 0)
	if name == "" && !inline {
		// As encoding/json does.
		name = declared.Names[0].Name
	}
	if strings.ContainsAny(name, "\\\"<>& ") {
		return field{}, fmt.Errorf("the JSON name %q needs escaping", name)
	}
	if inline && found != shapeStruct {
		return field{}, fmt.Errorf("it is inline, but a %s", found)
	}
	return field{proto.number, name, inline, proto.typ, rule{found, has("omitempty"), has("omitzero")}}, nil
}

// apiVersion of the kinds in a package: those of meta/v1 are served with every group, and as plain v1.
func (pkg *goPackage) apiVersion() string {
	directory := strings.Split(pkg.importPath, "/")
	version := directory[len(directory)-1]
	if pkg.group == "" || pkg.importPath == "k8s.io/apimachinery/pkg/apis/meta/v1" {
		return version
	}
	return pkg.group + "/" + version
}

func typeName(expression ast.Expr) string {
	switch expression := expression.(type) {
	case *ast.Ident:
		return expression.Name
	case *ast.SelectorExpr:
		return expression.Sel.Name
	}
	return ""
}

// tagsOf returns the tag of a field and the number in it; 0 if the field is not in protobuf.
func tagsOf(declared *ast.Field) (reflect.StructTag, int) {
	if declared.Tag == nil {
		return "", 0
	}
	tag := reflect.StructTag(strings.Trim(declared.Tag.Value, "`"))
	parts := strings.Split(tag.Get("protobuf"), ",")
	if len(parts) < 2 {
		return tag, 0
	}
	number, err := strconv.Atoi(parts[1])
	if err != nil {
		return tag, 0
	}
	return tag, number
}

// nameTypes turns the full names of types into those of the table.
func (release *release) nameTypes(wrapped map[string]bool) error {
	for name, message := range release.messages {
		for number, field := range message.fields {
			if scalars[field.typ] {
				continue
			}
			short, isSpecial := specialName(field.typ)
			switch {
			case wrapped[field.typ]:
				field.typ = "StringList"
			case isSpecial && short == "":
				return fmt.Errorf("%s has a field of type %s", name, field.typ)
			case isSpecial:
				field.typ = short
			case release.messages[field.typ] == nil:
				return fmt.Errorf("%s has a field of type %s, which is not known", name, field.typ)
			default:
				field.typ = shortName(field.typ)
			}
			message.fields[number] = field
		}
	}
	return nil
}

func (release *release) summary() string {
	fields, kinds := 0, 0
	for _, message := range release.messages {
		fields += len(message.fields)
		if message.kind != "" {
			kinds++
		}
	}
	return fmt.Sprintf("%d messages, %d fields, %d kinds", len(release.messages), fields, kinds)
}

func sortedKeys[V any](values map[string]V) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
