// Fills a catalogue of C++ containers and keeps it: for profiles, which read its stacks of templates and exceptions.
//
//     catalogue [BOOKS]    so many books; 20000

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#define NOINLINE __attribute__((noinline))

struct Book {
    std::string title;
    std::vector<int> pages;
    std::shared_ptr<std::string> author;
};

struct Catalogue {
    std::map<std::string, std::unique_ptr<Book>> by_title;
    std::unordered_map<int, std::vector<Book *>> by_shelf;
    std::vector<std::shared_ptr<std::string>> authors;
};

NOINLINE static std::shared_ptr<std::string> find_author(Catalogue &catalogue, int number)
{
    if (number % 16 == 0)
        catalogue.authors.push_back(std::make_shared<std::string>(200, 'a' + number % 26));
    return catalogue.authors.back();
}

// Every seventh has no pages, which is an error in the middle of its making.
NOINLINE static std::unique_ptr<Book> make_book(Catalogue &catalogue, int number)
{
    auto book = std::make_unique<Book>();
    book->title = "The collected letters of person number " + std::to_string(number);
    if (number % 7 == 0)
        throw std::invalid_argument(book->title + " has no pages");
    book->pages.resize(10 + number % 150);
    book->author = find_author(catalogue, number);
    return book;
}

NOINLINE static void add_book(Catalogue &catalogue, int number)
{
    auto book = make_book(catalogue, number);
    catalogue.by_shelf[number % 1000].push_back(book.get());
    catalogue.by_title[book->title] = std::move(book);
}

int main(int count, char **arguments)
{
    int books = count > 1 ? std::atoi(arguments[1]) : 20000, refused = 0;
    static auto *catalogue = new Catalogue;
    find_author(*catalogue, 0);
    for (int number = 0; number < books; number++)
        try {
            add_book(*catalogue, number);
        } catch (const std::invalid_argument &) {
            refused++;
        }
    std::printf("%zu books, %d refused\n", catalogue->by_title.size(), refused);
}
