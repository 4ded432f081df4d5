import JavaScript

print("safebox-worker")
