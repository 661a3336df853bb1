package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// goPackage is what the hand-written Go files of one directory declare.
type goPackage struct {
	importPath string
	types      map[string]*ast.TypeSpec
	// The imports of the file in which a type stands, by the name they have there.
	imports map[string]map[string]string
	group   string
}

// packages by import path.
type packages map[string]*goPackage

// readGo reads every package below a directory, without tests and generated code.
func (all packages) readGo(modulePath, directory, root string) error {
	return filepath.WalkDir(filepath.Join(directory, root), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") ||
			strings.HasPrefix(name, "zz_generated") || strings.HasPrefix(name, "generated") {
			return nil
		}
		relative, err := filepath.Rel(directory, filepath.Dir(file))
		if err != nil {
			return err
		}
		importPath := path.Join(modulePath, filepath.ToSlash(relative))
		if all[importPath] == nil {
			all[importPath] = &goPackage{importPath, map[string]*ast.TypeSpec{}, map[string]map[string]string{}, ""}
		}
		return all[importPath].readFile(file)
	})
}

func (pkg *goPackage) readFile(file string) error {
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	imports := map[string]string{}
	for _, spec := range tree.Imports {
		imported := strings.Trim(spec.Path.Value, `"`)
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = imported
	}
	for _, declaration := range tree.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				pkg.types[spec.Name.Name] = spec
				pkg.imports[spec.Name.Name] = imports
			case *ast.ValueSpec:
				pkg.noteGroup(spec)
			}
		}
	}
	return nil
}

// noteGroup keeps the API group: `const GroupName = "apps"`.
func (pkg *goPackage) noteGroup(spec *ast.ValueSpec) {
	for at, name := range spec.Names {
		if name.Name != "GroupName" || at >= len(spec.Values) {
			continue
		}
		if literal, ok := spec.Values[at].(*ast.BasicLit); ok {
			pkg.group = strings.Trim(literal.Value, `"`)
		}
	}
}

// named is a type by the package that declares it.
type named struct {
	pkg  *goPackage
	name string
}

// shape is how Go holds a field, which decides what JSON shows when it is absent.
type shape string

const (
	shapeValue   shape = "value"
	shapePointer shape = "pointer"
	shapeSlice   shape = "slice"
	shapeMap     shape = "map"
	shapeBytes   shape = "bytes"
	shapeStruct  shape = "struct"
)

// shapeOf follows type names down to what they stand for.
func (all packages) shapeOf(expression ast.Expr, in named) (shape, error) {
	switch expression := expression.(type) {
	case *ast.StarExpr:
		return shapePointer, nil
	case *ast.MapType:
		return shapeMap, nil
	case *ast.StructType:
		return shapeStruct, nil
	case *ast.ArrayType:
		if element, ok := expression.Elt.(*ast.Ident); ok && element.Name == "byte" {
			return shapeBytes, nil
		}
		return shapeSlice, nil
	case *ast.Ident:
		if basic[expression.Name] {
			return shapeValue, nil
		}
	}
	target, spec, err := all.resolve(expression, in)
	if err != nil {
		return "", err
	}
	return all.shapeOf(spec.Type, target)
}

var basic = map[string]bool{"string": true, "bool": true, "int32": true, "int64": true, "float64": true, "int": true,
	"uint8": true, "byte": true}

// resolve finds the declaration that a name means in the file of another declaration.
func (all packages) resolve(expression ast.Expr, in named) (named, *ast.TypeSpec, error) {
	target := named{}
	switch expression := expression.(type) {
	case *ast.Ident:
		target = named{in.pkg, expression.Name}
	case *ast.SelectorExpr:
		qualifier, ok := expression.X.(*ast.Ident)
		if !ok {
			return target, nil, fmt.Errorf("%s.%s: unusual type", in.pkg.importPath, in.name)
		}
		imported := in.pkg.imports[in.name][qualifier.Name]
		pkg := all[imported]
		if pkg == nil {
			return target, nil, fmt.Errorf("%s.%s: %s is not among the packages read", in.pkg.importPath, in.name, imported)
		}
		target = named{pkg, expression.Sel.Name}
	default:
		return target, nil, fmt.Errorf("%s.%s: unusual type", in.pkg.importPath, in.name)
	}
	spec := target.pkg.types[target.name]
	if spec == nil {
		return target, nil, fmt.Errorf("%s.%s is declared nowhere", target.pkg.importPath, target.name)
	}
	return target, spec, nil
}

// structOf finds the struct behind a type, through declarations like `type List metav1.List`.
func (all packages) structOf(from named) (named, *ast.StructType, error) {
	spec := from.pkg.types[from.name]
	if spec == nil {
		return from, nil, fmt.Errorf("%s.%s is declared nowhere", from.pkg.importPath, from.name)
	}
	for {
		if body, ok := spec.Type.(*ast.StructType); ok {
			return from, body, nil
		}
		var err error
		if from, spec, err = all.resolve(spec.Type, from); err != nil {
			return from, nil, err
		}
	}
}
