package main

import (
	"fmt"
	"log"
	"sort"
	"strings"
)

// union collects releases, oldest first, into one table: no field number has ever been given to another name, so one
// table reads what any of them wrote.
type union struct {
	minors   []int
	messages map[string]*unionMessage
	// Messages whose place another message took, by their names in the table: the old one, the new one.
	replaced [][2]string
}

type unionMessage struct {
	apiVersion, kind string
	fields           map[int]*unionField
}

// unionField is a field through time. Rules are as of a minor, oldest first; until is the first minor without the field,
// 0 while it is there.
type unionField struct {
	field
	since, until int
	rules        []datedRule
}

type datedRule struct {
	from int
	rule rule
}

func newUnion() *union {
	return &union{messages: map[string]*unionMessage{}}
}

func (u *union) add(minor int, release *release) error {
	if len(u.minors) > 0 && u.minors[len(u.minors)-1] >= minor {
		return fmt.Errorf("minors have to stand oldest first")
	}
	for name, message := range release.messages {
		known := u.messages[name]
		if known == nil {
			known = &unionMessage{fields: map[int]*unionField{}}
			u.messages[name] = known
		}
		if message.kind != "" {
			known.apiVersion, known.kind = message.apiVersion, message.kind
		}
		for number, field := range message.fields {
			if err := u.addField(known, minor, number, field); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for name, known := range u.messages {
		for number, field := range known.fields {
			message := release.messages[name]
			if field.until == 0 && (message == nil || message.fields[number].typ == "") {
				field.until = minor
			}
		}
	}
	u.minors = append(u.minors, minor)
	return nil
}

func (u *union) addField(known *unionMessage, minor, number int, field field) error {
	before := known.fields[number]
	if before == nil {
		since := minor
		if len(u.minors) == 0 {
			since = 0
		}
		known.fields[number] = &unionField{field, since, 0, []datedRule{{since, field.rule}}}
		return nil
	}
	if before.json != field.json || before.inline != field.inline || !mayReplace(before.typ, field.typ) {
		return fmt.Errorf("field %d was %q of %s, and is %q of %s", number, before.json, before.typ, field.json, field.typ)
	}
	if before.typ != field.typ {
		u.replaced = append(u.replaced, [2]string{before.typ, field.typ})
		before.typ = field.typ
	}
	if before.until != 0 {
		return fmt.Errorf("field %d was gone, and is back", number)
	}
	if before.rules[len(before.rules)-1].rule != field.rule {
		before.rules = append(before.rules, datedRule{minor, field.rule})
	}
	return nil
}

// mayReplace says whether a field may change its type: a message may become another one, which then reads what the first
// one wrote. inherit compares the two.
func mayReplace(before, after string) bool {
	return before == after || strings.Contains(before, ".") && strings.Contains(after, ".")
}

// inherit makes the fields of a message that took another one's place as old as they were there: an old release wrote
// them too.
func (u *union) inherit() {
	byShort := map[string]*unionMessage{}
	for name, message := range u.messages {
		byShort[shortName(name)] = message
	}
	seen := map[[2]string]bool{}
	for len(u.replaced) > 0 {
		pair := u.replaced[0]
		u.replaced = u.replaced[1:]
		if seen[pair] {
			continue
		}
		seen[pair] = true
		before, after := byShort[pair[0]], byShort[pair[1]]
		log.Printf("%s took the place of %s", pair[1], pair[0])
		for number, field := range after.fields {
			older := before.fields[number]
			if older == nil {
				continue
			}
			if older.json != field.json || !mayReplace(older.typ, field.typ) {
				log.Fatalf("field %d was %q of %s, and is %q of %s", number, older.json, older.typ, field.json, field.typ)
			}
			if older.typ != field.typ {
				u.replaced = append(u.replaced, [2]string{older.typ, field.typ})
			}
			if older.since < field.since {
				if older.rules[len(older.rules)-1].rule == field.rules[0].rule {
					field.rules[0].from = older.since
				}
				field.since = older.since
			}
		}
	}
}

const head = `# The messages that Kubernetes stores, from all releases below: what README.md in tools/kubernetes-types describes.
# Made by tools/kubernetes-types/build; do not edit.
#   kind <apiVersion> <kind>       the message above is stored under this name
#   <number> <"JSON name":> <type> with * for a pointer, [] for a list, map[] for a map; - instead of a name: its fields
#                                  stand in the parent. omitempty and omitzero as in Go's struct tags.
#   since=<minor> until=<minor>    first release with the field, first without it; <<minor>:<type>,... what it was before
`

func (u *union) text(versions []string) string {
	u.inherit()
	var out strings.Builder
	out.WriteString(head)
	out.WriteString("modules " + strings.Join(versions, " ") + "\n")
	shorts := map[string]string{}
	for name := range u.messages {
		shorts[shortName(name)] = name
	}
	for _, short := range sortedKeys(shorts) {
		message := u.messages[shorts[short]]
		fmt.Fprintf(&out, "message %s\n", short)
		if message.kind != "" {
			fmt.Fprintf(&out, "kind %s %s\n", message.apiVersion, message.kind)
		}
		numbers := make([]int, 0, len(message.fields))
		for number := range message.fields {
			numbers = append(numbers, number)
		}
		sort.Ints(numbers)
		for _, number := range numbers {
			out.WriteString(message.fields[number].line())
		}
	}
	return out.String()
}

func (field *unionField) line() string {
	name := `"` + field.json + `":`
	if field.inline {
		name = "-"
	}
	last := field.rules[len(field.rules)-1].rule
	line := fmt.Sprintf("%d %s %s", field.number, name, field.shown(last, " "))
	if field.since != 0 {
		line += fmt.Sprintf(" since=%d", field.since)
	}
	if field.until != 0 {
		line += fmt.Sprintf(" until=%d", field.until)
	}
	for at, dated := range field.rules[1:] {
		before := field.shown(field.rules[at].rule, ",")
		if before != field.shown(dated.rule, ",") {
			line += fmt.Sprintf(" <%d:%s", dated.from, before)
		}
	}
	return line + "\n"
}

// shown writes a rule; what makes no difference is left out: structs are printed whatever omitempty says.
func (field *unionField) shown(rule rule, separator string) string {
	prefix := map[shape]string{shapePointer: "*", shapeSlice: "[]", shapeMap: "map[]"}[rule.shape]
	// The list in a wrapped list belongs to the type.
	if field.typ == "StringList" && rule.shape == shapeSlice {
		prefix = ""
	}
	text := prefix + field.typ
	if rule.omitEmpty && rule.shape != shapeStruct {
		text += separator + "omitempty"
	}
	if rule.omitZero {
		text += separator + "omitzero"
	}
	return text
}
