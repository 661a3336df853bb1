// Prints the rows of a Parquet file as lines of JSON: text, whole numbers, true and false, null. Moments are the numbers
// that the file holds.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	table, err := parquet.OpenFile(file, info.Size())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	names := []string{}
	for _, field := range table.Schema().Fields() {
		if !field.Leaf() {
			return fmt.Errorf("column %s is nested", field.Name())
		}
		names = append(names, field.Name())
	}
	var count int64
	for _, group := range table.RowGroups() {
		n, err := print(group, names, json.NewEncoder(out))
		if err != nil {
			return err
		}
		count += n
	}
	if count != table.NumRows() {
		return fmt.Errorf("%d rows are there, and the file says %d", count, table.NumRows())
	}
	return nil
}

func print(group parquet.RowGroup, names []string, out *json.Encoder) (int64, error) {
	rows := group.Rows()
	defer rows.Close()
	buffer := make([]parquet.Row, 256)
	var count int64
	for {
		n, err := rows.ReadRows(buffer)
		for _, row := range buffer[:n] {
			object := map[string]any{}
			for _, value := range row {
				object[names[value.Column()]] = plain(value)
			}
			if err := out.Encode(object); err != nil {
				return 0, err
			}
		}
		count += int64(n)
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

func plain(value parquet.Value) any {
	switch {
	case value.IsNull():
		return nil
	case value.Kind() == parquet.Boolean:
		return value.Boolean()
	case value.Kind() == parquet.Int64:
		return value.Int64()
	default:
		return string(value.ByteArray())
	}
}
