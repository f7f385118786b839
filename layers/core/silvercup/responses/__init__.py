"""The Responses API: OpenAI's way of asking a model, built on chats."""
