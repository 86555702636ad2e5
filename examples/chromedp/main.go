// Command chromedp attaches to a session and prints the title of a page: go run . CDP_URL [PAGE_URL]
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: go run . CDP_URL [PAGE_URL]")
	}
	page := "data:text/html,<title>Hello</title>"
	if len(os.Args) > 2 {
		page = os.Args[2]
	}
	allocator, detach := remote.NewAllocator(context.Background(), os.Args[1])
	defer detach()
	tab, closeTab := chromedp.NewContext(allocator)
	defer closeTab()
	if err := chromedp.Do(tab, chromedp.Navigate(page)); err != nil {
		log.Fatal(err)
	}
	title, err := chromedp.Run(tab, chromedp.Title())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(title)
}
